import { InvalidArgumentError, Option } from 'commander';

/** Reads a whole number from `minimum` to `maximum` from a command line. @param maximum - Default: none */
export function integer(minimum: number, maximum = Number.POSITIVE_INFINITY): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= minimum && value <= maximum) return value;
    const most = maximum === Number.POSITIVE_INFINITY ? '' : ` to ${maximum}`;
    throw new InvalidArgumentError(`Expected a whole number from ${minimum}${most}.`);
  };
}

/** Reads `key=value`, and adds it to those before. The value may contain `=`, and is a text. */
function pair(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const end = text.indexOf('=');
  if (end > 0) return { ...before, [text.slice(0, end)]: text.slice(end + 1) };
  throw new InvalidArgumentError('Expected key=value.');
}

/** Takes `key=value` again and again. @param flags - such as `--header <key=value>` */
export function pairOption(flags: string, description: string): Option {
  return new Option(flags, `${description}; may be repeated`).argParser(pair).default({}, 'none');
}

/** Who keeps a name that two connections want. */
export function duplicateNameOption(): Option {
  return new Option('--duplicate-name <who>', 'who keeps a name that is connected when a second one comes')
    .choices(['newcomer', 'incumbent'])
    .default('newcomer');
}

/** What a number without a unit is in. */
type TimeUnit = 'ms' | 's';

/**
 * Reads a duration: `500ms`, `1.5s`, or a number in `bare`.
 *
 * @param minimum - in milliseconds
 * @returns milliseconds
 */
export function duration(bare: TimeUnit, minimum: number): (text: string) => number {
  return (text) => {
    const [, amount, unit = bare] = /^(\d+(?:\.\d+)?)(s|ms)?$/.exec(text) ?? [];
    const value = Math.round(Number(amount) * (unit === 'ms' ? 1 : 1_000));
    if (value >= minimum) return value;
    const least = minimum > 0 ? ` from ${minimum}ms` : '';
    throw new InvalidArgumentError(`Expected ${UNIT_WORDS[bare]}, or a duration as 500ms or 5s${least}.`);
  };
}

const UNIT_WORDS: Readonly<Record<TimeUnit, string>> = { ms: 'milliseconds', s: 'seconds' };

/**
 * An option that takes a duration. Its help has the unit.
 *
 * @param minimum - in milliseconds
 * @param defaultMs - Default: none
 */
export function timeOption(
  flag: string,
  bare: TimeUnit,
  description: string,
  minimum: number,
  defaultMs?: number,
): Option {
  const example = bare === 's' ? '500ms' : '5s';
  const option = new Option(`${flag} <${bare}>`, `${description}, in ${UNIT_WORDS[bare]} or as ${example}`);
  option.argParser(duration(bare, minimum));
  return defaultMs === undefined ? option : option.default(defaultMs, `${defaultMs / 1_000} s`);
}
