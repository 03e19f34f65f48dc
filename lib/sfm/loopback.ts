import { asapScheduler } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Endpoint } from '../endpoint.js';
import type { ReceivedMessage } from '../received-message.js';
import { Fifo } from '../transport/fifo.js';
import { WirelessConnection } from '../transport/wireless-connection.js';
import type { Sink } from '../sink.js';
import { decodeMap } from '../wire/map-codec.js';
import { frameAppId, PREFIX_BYTES } from '../wire/prefix.js';
import type { MessageRouter } from './message-router.js';

/** The name and address that NVFlare shows for loopback (`conn_manager.py`). */
const LOOPBACK_NAME = 'CN00000';
const SELF_ADDR = '0.0.0.0:0';

/** What a waiting message takes in memory beside its bytes, about. */
const OVERHEAD_BYTES = 128;

/** An encoded message, since the sender may change its headers afterwards. */
interface WaitingMessage {
  readonly head: Uint8Array;
  readonly payload: Uint8Array | undefined;
}

/**
 * Where messages to the local endpoint's own name go: to the local receivers, asynchronously and at their pace. For a
 * receiver it is the connection of such a message, which can be paused, but neither sent on nor closed.
 */
export class Loopback extends WirelessConnection implements Sink {
  readonly #local: Endpoint;
  readonly #router: MessageRouter;
  readonly #waiting = new Fifo<WaitingMessage>();
  #bufferedBytes = 0;
  #isScheduled = false;

  constructor(local: Endpoint, router: MessageRouter, highWaterMarkBytes: number) {
    super({ local_addr: SELF_ADDR, peer_addr: SELF_ADDR }, LOOPBACK_NAME);
    this.#local = local;
    this.#router = router;
    this.highWaterMarkBytes = highWaterMarkBytes;
  }

  override get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  override get bufferedFrames(): number {
    return this.#waiting.length;
  }

  get overheadBytes(): number {
    return this.#waiting.length * OVERHEAD_BYTES;
  }

  get bufferedMessages(): number {
    return this.#waiting.length;
  }

  sendMessage(head: Uint8Array, payload: Uint8Array | undefined): boolean {
    return super.send(head, payload);
  }

  override send(): boolean {
    throw new CommError(CommErrorCode.NOT_SUPPORTED, 'the loopback connection cannot be sent on');
  }

  override resume(owner?: object): void {
    super.resume(owner);
    this.#schedule();
  }

  protected override write(head: Uint8Array, payload?: Uint8Array): void {
    const message = { head: head.slice(), payload };
    this.#waiting.push(message);
    this.#bufferedBytes += OVERHEAD_BYTES + sizeOf(message);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    asapScheduler.schedule(() => this.#deliver());
  }

  /** Delivers what waits now. What receivers send then comes in a turn of its own. */
  #deliver(): void {
    this.#isScheduled = false;
    for (let due = this.#waiting.length; due > 0 && !this.isPaused; due -= 1) {
      const message = this.#waiting.shift();
      if (message === undefined) break;
      this.#bufferedBytes -= OVERHEAD_BYTES + sizeOf(message);
      this.#router.route(this.#received(message));
      this.wrote();
    }
  }

  /** The message as a wire would have brought it: a payload is a plain Uint8Array, and an empty one is absent. */
  #received({ head, payload }: WaitingMessage): ReceivedMessage {
    const headers = head.length === PREFIX_BYTES ? undefined : decodeMap(head, PREFIX_BYTES);
    const isAbsent = payload === undefined || payload.length === 0;
    const view = isAbsent ? undefined : new Uint8Array(payload.buffer, payload.byteOffset, payload.length);
    return {
      endpoint: this.#local,
      connection: this,
      appId: frameAppId(head),
      message: { headers, payload: view },
      bytes: sizeOf({ head, payload }),
    };
  }
}

function sizeOf({ head, payload }: WaitingMessage): number {
  return head.length + (payload?.length ?? 0);
}
