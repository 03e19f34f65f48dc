import { FlareError, FlareStatus } from './flare-error.js';

/**
 * A command as a server reads it. Source: `parse_command_line` of `nvflare/fuel/hci/cmd_arg_utils.py`: a line that has
 * a quotation mark is split as a shell does, any other at blanks, and `#` ends it.
 *
 * @param words - the command, then its arguments, each of which arrives as it is
 * @throws FlareError `bad_argument` where a word has a character that none can have
 */
export function commandLine(words: readonly string[]): string {
  return words.map(quote).join(' ');
}

/** Words that the server reads alike with and without quotation marks. */
const PLAIN = /^[A-Za-z0-9_./:=@,+%^-]+$/;

// Of all others, line breaks and the like have no place in a command, and end it in some versions.
const FORBIDDEN = /\p{Cc}/u;

function quote(word: string): string {
  if (PLAIN.test(word)) return word;
  if (FORBIDDEN.test(word)) throw badArgument(`${JSON.stringify(word)} has a control character`);
  return `"${word.replaceAll(/[\\"]/g, '\\$&')}"`;
}

/**
 * An argument that a command takes for its value: not empty, and no option.
 *
 * @param what - its name, for the error
 * @throws FlareError `bad_argument`
 */
export function argument(what: string, value: string): string {
  if (typeof value === 'string' && value !== '' && !value.startsWith('-')) return value;
  throw badArgument(
    `expected a ${what} that is not empty and does not begin with "-", got ${JSON.stringify(value)}`,
  );
}

/** A {@link FlareError} for an argument that can never work. */
export function badArgument(text: string): FlareError {
  return new FlareError(FlareStatus.BAD_ARGUMENT, text);
}
