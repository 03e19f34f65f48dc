/** Keys of properties and headers whose values are secrets, most likely. */
const SECRET_KEY =
  /token|secret|passw|credential|authorization|cookie|signature|proof|(api|private)[-_]?key/i;

/** What stands for a secret. */
const HIDDEN = '…';

/** Properties or headers to be shown: the value of a key such as `token` or `password` becomes `…`, at every depth. */
export function hideSecrets(map: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(map);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, SECRET_KEY.test(key) ? HIDDEN : shown(value)]),
  );
}

/** What a peer sends is nested at most 32 levels deep. */
function shown(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shown);
  const isMap = typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);
  return isMap ? hideSecrets(value as Record<string, unknown>) : value;
}
