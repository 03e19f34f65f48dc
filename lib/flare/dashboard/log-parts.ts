import { defer, filter, map, type Observable } from 'rxjs';

import type { JobText } from '../job-text.js';
import { growth, NOTHING_SEEN } from '../log-growth.js';
import type { LogPart } from './protocol.js';

/** The most of a log that one part has, in characters. Of a longer one the beginning is left out. */
export const MAX_PART = 256 * 1_024;

/** The log of a part of a job: what there is, then what is added. */
export function logParts(text$: Observable<JobText>): Observable<LogPart> {
  return defer(() => {
    let seen = NOTHING_SEEN;
    let isFirst = true;
    return text$.pipe(
      map(({ text, obstacle }) => {
        seen = growth(seen, text ?? '');
        const isEmpty = seen.added === '' && !isFirst;
        isFirst = false;
        // What is gone at the end of the job was shown before.
        const part = {
          text: seen.added,
          skipped: 0,
          isAnew: seen.isAnew,
          obstacle: seen.length === 0 ? obstacle : null,
        };
        return { isEmpty, part: bounded(part) };
      }),
      filter(({ isEmpty }) => !isEmpty),
      map(({ part }) => part),
    );
  });
}

/** Two parts as one. */
export function joinParts(earlier: LogPart, later: LogPart): LogPart {
  if (later.isAnew) return later;
  const { skipped, isAnew } = earlier;
  return bounded({
    text: earlier.text + later.text,
    skipped: skipped + later.skipped,
    isAnew,
    obstacle: later.obstacle,
  });
}

function bounded(part: LogPart): LogPart {
  const over = part.text.length - MAX_PART;
  if (over <= 0) return part;
  return { ...part, text: part.text.slice(over), skipped: part.skipped + over };
}
