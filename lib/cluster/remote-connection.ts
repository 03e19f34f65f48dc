import type { Origin } from '../cluster-contract.js';
import { CommError, CommErrorCode } from '../comm-error.js';
import type { ReceivedMessage } from '../received-message.js';
import { Fifo } from '../transport/fifo.js';
import { WirelessConnection } from '../transport/wireless-connection.js';

interface Arrived {
  readonly received: ReceivedMessage;
  readonly origin: Origin;
}

/**
 * The connection of messages that arrived at another replica, and are delivered here. It can be paused: what comes then
 * waits here, and the other replica passes no more on than its high water mark. It can neither be sent on nor closed.
 */
export class RemoteConnection extends WirelessConnection {
  readonly #route: (received: ReceivedMessage) => void;
  readonly #whenDone: () => void;
  readonly #waiting = new Fifo<Arrived>();
  #isDelivering = false;
  /** Its replica is gone. */
  #isLeft = false;

  /**
   * @param route - hands a message to the receivers of this replica
   * @param whenDone - its replica is gone, and all that had come of it is delivered
   */
  constructor(
    self: string,
    replica: string,
    route: (received: ReceivedMessage) => void,
    whenDone: () => void,
  ) {
    super({ local_addr: self, peer_addr: replica });
    this.#route = route;
    this.#whenDone = whenDone;
  }

  override get bufferedBytes(): number {
    return 0;
  }

  override get bufferedFrames(): number {
    return 0;
  }

  /** Takes a message. Its origin hears when the receivers have it. */
  arrive(received: ReceivedMessage, origin: Origin): void {
    this.#isLeft = false;
    this.#waiting.push({ received, origin });
    this.#deliver();
  }

  /** Its replica is gone. If that comes back while something waits, it goes on behind that. */
  leave(): void {
    this.#isLeft = true;
    this.#endIfDone();
  }

  override send(): boolean {
    throw new CommError(
      CommErrorCode.NOT_SUPPORTED,
      'the connection is at another replica: send to the endpoint by name',
    );
  }

  override resume(owner?: object): void {
    super.resume(owner);
    this.#deliver();
  }

  protected override write(): void {
    // `send` refuses.
  }

  #deliver(): void {
    // A receiver may pause and resume it; the next message waits until all receivers have had this one.
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    try {
      let arrived: Arrived | undefined;
      while (!this.isPaused && (arrived = this.#waiting.shift()) !== undefined) {
        this.#route(arrived.received);
        arrived.origin.written(arrived.received.bytes);
      }
    } finally {
      this.#isDelivering = false;
    }
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (!this.#isLeft || this.#isDelivering || this.#waiting.length > 0) return;
    // Once: who kept it may resume it again.
    this.#isLeft = false;
    this.complete();
    this.#whenDone();
  }
}
