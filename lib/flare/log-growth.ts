/** Some of a log, and how much of it has been seen. */
export interface Seen {
  readonly length: number;
  readonly end: string;
  readonly added: string;
  /** Whether it did not go on where it was: it has begun anew. */
  readonly isAnew: boolean;
  /** Why some of it was never seen, for people; `null` where nothing is known to be missing. */
  readonly gap: string | null;
}

/** So much of the end of a log tells whether it is still the same. */
const END_LENGTH = 200;

/**
 * How servers mark a log of more than 5 MiB: 2.9 sends the end under one line, 2.8 the beginning above another. Source:
 * `_decode_job_log_data` of `nvflare/private/fed/server/job_cmds.py`.
 */
const HEAD = /^\.\.\. output truncated to last \d+ bytes \.\.\.\n/;
const FOOT = /\.\.\. output truncated after \d+ bytes \.\.\.\n$/;
const FOOT_LENGTH = 100;

const NO_BEGINNING = 'the log is long, and the server sends its last 5 MiB: some before them is missing';
const NO_END = 'the log is long, and the server sends its first 5 MiB: what is logged later is missing';

/** Before anything was seen. */
export const NOTHING_SEEN: Seen = { length: 0, end: '', added: '', isAnew: false, gap: null };

/** What a log has more than before. What servers put in place of a part that they leave out stays in it. */
export function growth(seen: Seen, log: string): Seen {
  const { length, end } = seen;
  if (log === '') return { ...seen, added: '', isAnew: false };
  const newEnd = log.slice(-END_LENGTH);
  const head = HEAD.exec(log)?.[0];
  if (head !== undefined) {
    const at = end === '' ? -1 : log.lastIndexOf(end);
    const isFound = at >= head.length;
    const added = isFound ? log.slice(at + end.length) : log;
    const gap = isFound ? seen.gap : NO_BEGINNING;
    return { length: length + added.length, end: newEnd, added, isAnew: false, gap };
  }
  const goesOn = log.slice(Math.max(0, length - END_LENGTH), length) === end;
  const added = goesOn ? log.slice(length) : log;
  const gap = FOOT.test(log.slice(-FOOT_LENGTH)) ? NO_END : null;
  return { length: log.length, end: newEnd, added, isAnew: !goesOn, gap };
}
