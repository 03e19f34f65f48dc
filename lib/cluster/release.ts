import type { Msg } from '@nats-io/transport-node';
import { isMatching, P } from 'ts-pattern';

import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { logger } from '../log.js';
import { decodeMap, encodeMap } from '../wire/map-codec.js';
import type { Bus } from './bus.js';

const log = logger('cluster');

/** A replica wants a name that another one has. */
export interface ReleaseRequest {
  readonly name: string;
  /** Of the entry that it saw. */
  readonly revision: number;
  /** Who asks. */
  readonly by: string;
  /** Its `duplicateName`. */
  readonly rule: 'newcomer' | 'incumbent';
}

/** What the holder says. */
export type ReleaseAnswer =
  | { readonly isReleased: true }
  /** The connection lives, and keeps the name. */
  | { readonly isReleased: false; readonly reason: string };

const isRequest = isMatching({
  name: P.string,
  revision: P.number,
  by: P.string,
  rule: P.union('newcomer' as const, 'incumbent' as const),
});
const isAnswer = isMatching(
  P.union({ isReleased: true as const }, { isReleased: false as const, reason: P.string }),
);

/** Asks the holder of a name to let go of it. Rejects where it gives no answer. */
export async function requestRelease(
  bus: Bus,
  holder: string,
  request: ReleaseRequest,
  timeoutMs: number,
): Promise<ReleaseAnswer> {
  const answer = decodeMap(await bus.request(bus.subject('release', holder), encode(request), timeoutMs));
  if (!isAnswer(answer)) throw new Error('no answer');
  return answer;
}

/** Answers the requests for names of ours. */
export function answerReleases(
  bus: Bus,
  self: string,
  answer: (request: ReleaseRequest) => Promise<ReleaseAnswer>,
): void {
  bus.subscribe(bus.subject('release', self), (message: Msg) => {
    const request = decodeMap(message.data);
    if (!isRequest(request)) throw new CommError(CommErrorCode.BAD_DATA, 'not a release request');
    answer(request)
      .then((answered) => message.respond(encode(answered)))
      .catch((error: unknown) => log('%s is not let go of: %s', request.name, messageOf(error)));
  });
}

function encode(release: ReleaseRequest | ReleaseAnswer): Uint8Array {
  return encodeMap({ ...release }).slice();
}
