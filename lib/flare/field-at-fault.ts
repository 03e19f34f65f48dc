import { isMatching, type Pattern } from 'ts-pattern';

/**
 * The path of the first field that a pattern does not fit, such as `servers[0].identity`, and what is wrong with it.
 * Patterns are looked into where they are plain objects, and lists of one pattern and more.
 *
 * @returns `undefined` where all of it fits
 */
export function fieldAtFault(pattern: unknown, value: unknown, path = ''): string | undefined {
  if (isMatching(pattern as Pattern.Pattern, value)) return undefined;
  const [first] = Array.isArray(pattern) ? (pattern as readonly unknown[]) : [];
  if (first !== undefined && Array.isArray(value)) {
    const items = value.length === 0 ? [undefined] : (value as readonly unknown[]);
    return firstOf(items, (item, index) => fieldAtFault(first, item, `${path}[${index}]`));
  }
  if (isPlain(pattern) && isPlain(value)) {
    const within = (name: string): string => (path === '' ? name : `${path}.${name}`);
    return firstOf(Object.entries(pattern), ([name, each]) => fieldAtFault(each, value[name], within(name)));
  }
  return `${path === '' ? 'it' : path} ${value === undefined ? 'is missing' : 'is not as there'}`;
}

function firstOf<T>(
  items: readonly T[],
  faultOf: (item: T, index: number) => string | undefined,
): string | undefined {
  for (const [index, item] of items.entries()) {
    const fault = faultOf(item, index);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** Patterns of the library have names that are symbols. */
function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.getOwnPropertySymbols(value).length === 0
  );
}
