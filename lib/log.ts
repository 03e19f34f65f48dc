/** Writes a line. `%s` and `%d` in the format stand for the values, as in `console.log`. */
export type Logger = (format: string, ...values: readonly unknown[]) => void;

const silent: Logger = () => undefined;

/**
 * A logger of the namespace `rxflare:<area>`. `DEBUG=rxflare:*` in Node, or `localStorage.debug = 'rxflare:*'` in a
 * browser, shows them all when the program starts.
 *
 * The setting is that of the `debug` package: namespaces with `*` for any text, parted by commas or blanks; a `-`
 * before one silences it. That package itself is CommonJS, of which builds for browsers warn.
 */
export function logger(area: string): Logger {
  const namespace = `rxflare:${area}`;
  if (!isWanted(namespace, setting())) return silent;
  const write = isNode() ? console.error : console.debug;
  return (format, ...values) => write(`%s %s ${format}`, new Date().toISOString(), namespace, ...values);
}

function isNode(): boolean {
  return typeof process === 'object';
}

function setting(): string {
  try {
    return (isNode() ? process.env.DEBUG : localStorage.getItem('debug')) ?? '';
  } catch {
    return ''; // A page in a sandbox has no storage, and Deno may not allow to read the environment.
  }
}

function isWanted(namespace: string, setting: string): boolean {
  const patterns = setting.split(/[\s,]+/);
  const names = patterns.filter((pattern) => !pattern.startsWith('-'));
  const silenced = patterns.filter((pattern) => pattern.startsWith('-')).map((pattern) => pattern.slice(1));
  const fits = (pattern: string): boolean => matches(namespace, pattern);
  return names.some(fits) && !silenced.some(fits);
}

function matches(namespace: string, pattern: string): boolean {
  const source = pattern.replaceAll(/[.*+?^${}()|[\]\\]/g, (sign) => (sign === '*' ? '.*' : `\\${sign}`));
  return new RegExp(`^${source}$`).test(namespace);
}
