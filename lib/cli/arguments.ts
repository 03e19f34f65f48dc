import { InvalidArgumentError } from 'commander';

/** Reads a whole number of at least `minimum` from a command line. */
export function integer(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= minimum) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${minimum}.`);
  };
}

/** Reads `key=value`, and adds it to those before. The value may contain `=`, and is a text. */
export function pair(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const end = text.indexOf('=');
  if (end > 0) return { ...before, [text.slice(0, end)]: text.slice(end + 1) };
  throw new InvalidArgumentError('Expected key=value.');
}
