import {
  catchError,
  EMPTY,
  finalize,
  from,
  ignoreElements,
  merge,
  mergeMap,
  type Observable,
  Subject,
  takeUntil,
  tap,
} from 'rxjs';

import type { Message, MessageHeaders } from '../message.js';
import { CellError } from './cell-error.js';
import { type CellHeaders, Encoding, Header, MessageType, textHeader } from './headers.js';
import type { InboundStream } from './inbound-stream.js';
import type { OutboundStreams } from './outbound-streams.js';
import type { Outcome, PendingRequests } from './pending-requests.js';
import { StreamHeader } from './stream-headers.js';

/** The channel of replies to requests that came as streams. Source: `nvflare/fuel/f3/cellnet/cell.py`. */
export const REPLY_CHANNEL = 'return_only';

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
  'cellnet.channel',
  'credential_manager',
  '_net_manager',
]);

/** Whether a request on this channel can be a stream. */
export function canStream(channel: string): boolean {
  return channel !== '' && !MESSAGE_CHANNELS.has(channel);
}

/** What a request is made of that is sent as a stream to each target. */
export interface StreamRequest {
  readonly id: string;
  readonly targets: ReadonlySet<string>;
  readonly channel: string;
  readonly topic: string;
  readonly headers: MessageHeaders | undefined;
  readonly optional: boolean;
  readonly timeoutMs: number;
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
  const sent$ = from(targets).pipe(
    mergeMap((target) => {
      const message = request.messageTo(target);
      const headers = { ...request.headers, ...contentHeaders(message), [StreamHeader.REQUEST_ID]: id };
      const bytes = message.payload ?? new Uint8Array();
      return outbound.send(target, channel, topic, bytes, { headers, optional }, true).pipe(
        tap(() => pending.touch(id)),
        catchError((error: unknown) => {
          if (!(error instanceof CellError)) throw error;
          pending.settle(id, { target, error });
          return EMPTY;
        }),
      );
    }),
    ignoreElements(),
    takeUntil(done$),
  );
  const outcome$ = pending.outcomes(id, targets, request.timeoutMs, () => undefined, true);
  return merge(outcome$.pipe(finalize(() => done$.next())), sent$);
}

/** The headers of a request or reply that came as a stream, as those of a single message. */
export function messageHeaders({ headers, channel, topic }: InboundStream): CellHeaders {
  const isReply = channel === REPLY_CHANNEL;
  return {
    ...headers,
    [Header.MSG_TYPE]: isReply ? MessageType.REPLY : MessageType.REQUEST,
    [Header.CHANNEL]: channel,
    [Header.TOPIC]: topic,
    [Header.PAYLOAD_ENCODING]: headers[StreamHeader.ENCODING] ?? Encoding.BYTES,
    [Header.REPLY_EXPECTED]: textHeader(headers, StreamHeader.REQUEST_ID) !== '',
  } as unknown as CellHeaders;
}

/** The headers of the reply to a request that came as a stream. */
export function replyHeaders(
  request: CellHeaders,
  message: Message,
  returnCode: string,
  error?: string,
): MessageHeaders {
  return {
    ...contentHeaders(message),
    [StreamHeader.REQUEST_ID]: request[StreamHeader.REQUEST_ID],
    [Header.RETURN_CODE]: returnCode,
    [Header.ERROR]: error,
  };
}

function contentHeaders({ headers = {} }: Message): MessageHeaders {
  return { [StreamHeader.ENCODING]: headers[Header.PAYLOAD_ENCODING] };
}
