import { map, type Observable } from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';

import { CommError, CommErrorCode } from '../comm-error.js';

/**
 * A diagram as a stream. It is hot, so that what is drawn at frame 0 happens after `expectObservable` has
 * subscribed, wherever that stands in the test.
 *
 * @param subject - what the diagram tells of, for messages
 * @param values - what each letter means
 * @throws CommError `BAD_CONFIG` for a letter that means nothing
 */
export function draw<T>(
  scheduler: TestScheduler,
  subject: string,
  marbles: string,
  values: Readonly<Record<string, T>>,
): Observable<T> {
  const means = (letter: string): T => {
    const value = Object.hasOwn(values, letter) ? values[letter] : undefined;
    if (value !== undefined) return value;
    const detail = `expected the letters ${Object.keys(values).join(', ')}, got "${letter}"`;
    throw new CommError(CommErrorCode.BAD_CONFIG, `"${marbles}" for ${subject}: ${detail}`);
  };
  const letters$ = scheduler.createHotObservable(marbles);
  for (const { notification } of letters$.messages) {
    if (notification.kind === 'N') means(String(notification.value));
  }
  return letters$.pipe(map(means));
}
