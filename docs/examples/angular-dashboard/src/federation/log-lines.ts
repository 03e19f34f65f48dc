import type { LogPart } from 'rxflare/flare/dashboard';

/** How many lines of a log the page keeps: the last. */
const MAX_LINES = 2_000;

/** The longest line that is shown whole. */
const MAX_LINE = 2_000;

/** A line of a log. */
export interface LogLine {
  readonly number: number;
  readonly text: string;
  readonly level: 'error' | 'warning' | undefined;
}

/** What is shown of a log. */
export interface Log {
  readonly lines: readonly LogLine[];
  /** What came after the last end of a line. */
  readonly rest: string;
  /** Whether something before the lines is left out. */
  readonly isCut: boolean;
  /** Why there is no log. */
  readonly obstacle: string | undefined;
}

export const EMPTY_LOG: Log = { lines: [], rest: '', isCut: false, obstacle: undefined };

/** A log with what was added to it. */
export function added(log: Log, { text, skipped, isAnew, obstacle }: LogPart): Log {
  const before = isAnew ? EMPTY_LOG : log;
  const texts = `${before.rest}${text}`.split('\n');
  const rest = texts.pop() ?? '';
  const first = (before.lines.at(-1)?.number ?? 0) + 1;
  // Of a part that is all too long, only the end is made into lines.
  const fresh = texts.slice(-MAX_LINES).map((line, index) => lineOf(first + index, line));
  const lines = [...before.lines, ...fresh];
  return {
    lines: lines.slice(-MAX_LINES),
    // One more than is shown: so it is known to be too long.
    rest: rest.slice(0, MAX_LINE + 1),
    isCut: before.isCut || skipped > 0 || lines.length > MAX_LINES || texts.length > MAX_LINES,
    obstacle: obstacle ?? undefined,
  };
}

/** What is shown: the lines, and the last one even where its end has not come yet. */
export function linesOf({ lines, rest }: Log): readonly LogLine[] {
  return rest === '' ? lines : [...lines, lineOf((lines.at(-1)?.number ?? 0) + 1, rest)].slice(-MAX_LINES);
}

function lineOf(number: number, whole: string): LogLine {
  const text = whole.length > MAX_LINE ? `${whole.slice(0, MAX_LINE)} …` : whole.replace(/\r$/, '');
  return { number, text, level: levelOf(text) };
}

/** NVFlare writes the level between dashes. Source: the formatters of `nvflare/fuel/utils/log_utils.py`. */
function levelOf(text: string): LogLine['level'] {
  if (/ - (ERROR|CRITICAL) - |^Traceback |^\w*(Error|Exception)\b/.test(text)) return 'error';
  return text.includes(' - WARNING - ') ? 'warning' : undefined;
}
