import {
  catchError,
  EMPTY,
  finalize,
  from,
  ignoreElements,
  merge,
  mergeMap,
  Observable,
  Subject,
  takeUntil,
  tap,
} from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Message, MessageHeaders } from '../message.js';
import { CellError } from './cell-error.js';
import { CELL_CHANNEL, DIAGNOSTICS_CHANNEL, REPLY_CHANNEL } from './channels.js';
import { contentHeaders } from './message-headers.js';
import type { OutboundStreams } from './outbound-streams.js';
import type { Outcome, PendingRequests, Wait } from './pending-requests.js';
import { ReturnCode } from './return-code.js';
import { StreamHeader } from './stream-headers.js';

/** Channels whose requests never are streams: `CHANNELS_TO_EXCLUDE` of NVFlare's `cell.py`, and those of cells themselves. */
const MESSAGE_CHANNELS: ReadonlySet<string> = new Set([
  'admin',
  'task',
  'server_parent_listener',
  'client_command',
  'client_sub_worker_command',
  'multi_process_executor',
  'simulator_runner',
  REPLY_CHANNEL,
  CELL_CHANNEL,
  'credential_manager',
  DIAGNOSTICS_CHANNEL,
]);

/** Whether a request on this channel can be a stream. */
export function canStream(channel: string): boolean {
  return channel !== '' && !MESSAGE_CHANNELS.has(channel);
}

/** What a request is made of that is sent as a stream to each target. */
export interface StreamRequest extends Wait {
  readonly channel: string;
  readonly topic: string;
  readonly headers: MessageHeaders | undefined;
  readonly optional: boolean;
  messageTo(target: string): Message;
}

/** Asks by streams: outcomes as they come. The time-out begins anew whenever something moves. Cold. */
export function askByStreams(
  request: StreamRequest,
  pending: PendingRequests,
  outbound: OutboundStreams,
): Observable<Outcome> {
  const { id, targets, channel, topic, optional } = request;
  const done$ = new Subject<void>();
  const sent$ = from([...targets]).pipe(
    mergeMap((target) => {
      const message = request.messageTo(target);
      const headers = { ...request.headers, ...contentHeaders(message), [StreamHeader.REQUEST_ID]: id };
      const bytes = message.payload ?? new Uint8Array();
      return outbound.send(target, channel, topic, bytes, { headers, optional }, true).pipe(
        tap(() => pending.touch(id)),
        catchError((error: unknown) => {
          pending.fail(id, failureOf(error, target), target);
          return EMPTY;
        }),
      );
    }),
    ignoreElements(),
    takeUntil(done$),
  );
  const outcome$ = new Observable<Outcome>((subscriber) =>
    pending.wait(request, subscriber, (outcome) => subscriber.next(outcome), true),
  );
  return merge(outcome$.pipe(finalize(() => done$.next())), sent$);
}

/**
 * Why one of several targets could not be asked, be it that the neighbour on the way has gone.
 *
 * @throws CommError `BAD_DATA` for what cannot be sent to any
 */
function failureOf(thrown: unknown, target: string): CellError {
  const cause = CommError.from(thrown);
  if (cause instanceof CellError) return cause;
  if (cause.code === CommErrorCode.BAD_DATA) throw cause;
  return new CellError(ReturnCode.COMM_ERROR, `cell ${target}: ${cause.message}`, target, { cause });
}
