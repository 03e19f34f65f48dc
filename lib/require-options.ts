import { CommError, CommErrorCode } from './comm-error.js';
import { LONGEST_TIMER_MS } from './longest-timer.js';

/** The least and the most that a number may be, and whether it must be an integer. */
export type Range = readonly [least: number, most: number, kind?: 'integer'];

/**
 * Refuses options that have another name, or another type, than all that have a default, and numbers out of range.
 *
 * @param given - `undefined` values count as absent
 * @param what - whose options they are
 * @param ranges - of some numbers. Default: 0 or more; for times (`…Ms`) up to 24 days
 * @throws CommError `BAD_CONFIG`
 */
export function requireOptions(
  given: object,
  defaults: object,
  what: string,
  ranges: Readonly<Record<string, Range>> = {},
): void {
  for (const [name, value] of Object.entries(given) as [string, unknown][]) {
    if (value === undefined) continue;
    const most = name.endsWith('Ms') ? LONGEST_TIMER_MS : Number.POSITIVE_INFINITY;
    const fault = typeFault(defaults, name, value) ?? rangeFault(value, ranges[name] ?? [0, most]);
    if (fault !== undefined)
      throw new CommError(CommErrorCode.BAD_CONFIG, `${what}: option ${name}: ${fault}`);
  }
}

/** What is wrong with the name of an option, or with the type of its value, which is that of the default. */
export function typeFault(defaults: object, name: string, value: unknown): string | undefined {
  if (!Object.hasOwn(defaults, name)) return 'there is no such option';
  const expected = typeof (defaults as Readonly<Record<string, unknown>>)[name];
  return value === null || typeof value !== expected
    ? `expected a ${expected}, got a ${typeof value}`
    : undefined;
}

/** What is wrong with the size of a number; nothing where it is none. */
export function rangeFault(value: unknown, [least, most, kind]: Range): string | undefined {
  if (typeof value !== 'number') return undefined;
  if (!(value >= least && value <= most)) return `expected ${least} to ${most}, got ${value}`;
  return kind === 'integer' && !Number.isInteger(value) ? `expected an integer, got ${value}` : undefined;
}
