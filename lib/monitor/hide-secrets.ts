/** Keys of properties and headers whose values are secrets, most likely. */
const SECRET_KEY =
  /token|secret|passw|credential|authorization|cookie|signature|proof|(api|private)[-_]?key/i;

/** What stands for a secret. */
const HIDDEN = '…';

/** Properties or headers to be shown: the value of a key such as `token` or `password` becomes `…`. */
export function hideSecrets(map: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(map);
  return Object.fromEntries(entries.map(([key, value]) => [key, SECRET_KEY.test(key) ? HIDDEN : value]));
}
