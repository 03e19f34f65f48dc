import {
  asapScheduler,
  defer,
  EMPTY,
  ignoreElements,
  NEVER,
  type Observable,
  observeOn,
  Subject,
  take,
} from 'rxjs';

import { QueueFullError } from '../comm-error.js';
import { CommError, CommErrorCode } from '../comm-error.js';
import type { Endpoint } from '../endpoint.js';
import type { Message } from '../message.js';
import type { Connection } from '../transport/connection.js';
import { encodeHead } from '../wire/frame.js';
import { decodeMap } from '../wire/map-codec.js';
import { FrameType, PREFIX_BYTES } from '../wire/prefix.js';
import type { MessageRouter } from './message-router.js';

/** The address that NVFlare shows for loopback (`conn_manager.py`). */
const SELF_ADDR = '0.0.0.0:0';

/** What a waiting message takes in memory beside its bytes, about. */
const OVERHEAD_BYTES = 128;

interface LoopbackMessage {
  readonly appId: number;
  readonly message: Message;
  readonly bytes: number;
}

/** Messages to the local endpoint's own name: they go to the local receivers, asynchronously. */
export class Loopback {
  readonly #name: string;
  readonly #maxQueuedBytes: number;
  /** Completes when all messages sent so far have arrived. */
  readonly drained$: Observable<never>;
  readonly #messages = new Subject<LoopbackMessage>();
  readonly #emptied = new Subject<void>();
  #queuedBytes = 0;

  constructor(local: Endpoint, router: MessageRouter, maxQueuedBytes: number) {
    this.#name = local.name;
    this.#maxQueuedBytes = maxQueuedBytes;
    this.drained$ = defer(() =>
      this.#queuedBytes === 0 ? EMPTY : this.#emptied.pipe(take(1), ignoreElements()),
    );
    this.#messages.pipe(observeOn(asapScheduler)).subscribe(({ appId, message, bytes }) => {
      this.#queuedBytes -= bytes;
      router.route({ endpoint: local, connection: LOOPBACK, appId, message }, bytes);
      if (this.#queuedBytes === 0) this.#emptied.next();
    });
  }

  /** Sends to ourselves, under the same limits as to others. Always true: it never has to wait. */
  send(appId: number, message: Message): boolean {
    const { headers, payload } = message;
    const head = encodeHead(
      { type: FrameType.DATA, appId, streamId: 0, headers },
      payload?.length ?? 0,
    ).slice();
    const bytes = OVERHEAD_BYTES + head.length + (payload?.length ?? 0);
    if (this.#queuedBytes > 0 && this.#queuedBytes + bytes > this.#maxQueuedBytes) {
      throw new QueueFullError(this.#name, this.#queuedBytes, this.#maxQueuedBytes);
    }
    const received = asReceived(head, payload);
    this.#queuedBytes += bytes;
    this.#messages.next({ appId, message: received, bytes });
    return true;
  }

  /** Ends the stream. */
  complete(): void {
    this.#messages.complete();
  }
}

/** The message as the wire would have brought it: the sender may change its headers meanwhile. */
function asReceived(head: Uint8Array, payload: Uint8Array | undefined): Message {
  const headers = head.length === PREFIX_BYTES ? undefined : decodeMap(head, PREFIX_BYTES);
  return { headers, payload: payload?.length === 0 ? undefined : payload };
}

/** What stands for the connection of a loopback message. Nothing can be sent on it. */
const LOOPBACK: Connection = {
  name: 'CN00000',
  properties: { local_addr: SELF_ADDR, peer_addr: SELF_ADDR },
  frames$: EMPTY,
  closed$: NEVER,
  written$: NEVER,
  drained$: NEVER,
  maxFrameBytes: 0,
  highWaterMarkBytes: 0,
  activity: 0,
  bufferedBytes: 0,
  bufferedFrames: 0,
  isOpen: false,
  isPaused: false,
  pause: () => undefined,
  resume: () => undefined,
  close: () => Promise.resolve(),
  send() {
    throw new CommError(CommErrorCode.NOT_SUPPORTED, 'the loopback connection cannot be sent on');
  },
};
