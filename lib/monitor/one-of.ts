import { P } from 'ts-pattern';

/**
 * A pattern for the values of a closed set, such as `CommErrorCode`.
 *
 * @internal
 */
export function oneOf<T extends string>(set: Readonly<Record<string, T>>) {
  const values: ReadonlySet<unknown> = new Set(Object.values(set));
  return P.when((value): value is T => values.has(value));
}
