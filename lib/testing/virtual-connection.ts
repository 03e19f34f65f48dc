import { CommError, CommErrorCode } from '../comm-error.js';
import { BaseConnection } from '../transport/base-connection.js';
import type { VirtualLink } from './virtual-link.js';

/** What travels: a frame, or the end of the connection behind the last one. */
interface InFlight {
  readonly content: Uint8Array | 'end';
  /** Its latency is over. */
  hasArrived: boolean;
}

/** One end of a connection over a virtual link: what is sent here comes out there, in order, when the link lets it. */
export class VirtualConnection extends BaseConnection {
  protected override readonly finishesInOrder = true;
  readonly #link: VirtualLink;
  /** Itself until the pair is made. */
  #other: VirtualConnection = this;
  /** What is on its way to this end. */
  #inbox: InFlight[] = [];
  /** What we sent and the other end has not taken. */
  #bufferedBytes = 0;
  #bufferedFrames = 0;
  #isReading = false;

  private constructor(link: VirtualLink, localAddress: string, peerAddress: string) {
    super({ local_addr: localAddress, peer_addr: peerAddress });
    this.#link = link;
    link.attach(this);
  }

  /** The two ends of one connection: of the endpoint that connects, and of the one that listens. */
  static pair(link: VirtualLink, active: string, passive: string): [VirtualConnection, VirtualConnection] {
    const ends: [VirtualConnection, VirtualConnection] = [
      new VirtualConnection(link, active, passive),
      new VirtualConnection(link, passive, active),
    ];
    ends[0].#other = ends[1];
    ends[1].#other = ends[0];
    return ends;
  }

  override get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  override get bufferedFrames(): number {
    return this.#bufferedFrames;
  }

  /** Delivers what has arrived in an action of its own, so that no receiver is called while it is called. */
  deliverSoon(): void {
    this.#link.scheduler.schedule(() => this.#deliver());
  }

  protected override write(head: Uint8Array, payload = new Uint8Array(0)): void {
    const frame = new Uint8Array(head.length + payload.length);
    frame.set(head);
    frame.set(payload, head.length);
    if (this.#dispatch(frame)) {
      this.#bufferedBytes += frame.length;
      this.#bufferedFrames += 1;
    }
  }

  protected override startReading(): void {
    this.resumeReading();
  }

  protected override pauseReading(): void {
    this.#isReading = false;
  }

  protected override resumeReading(): void {
    this.#isReading = true;
    this.deliverSoon();
  }

  protected override finishWriting(): void {
    this.#dispatch('end');
  }

  protected override release(): Promise<void> {
    this.#link.detach(this);
    this.#inbox = [];
    this.#isReading = false;
    this.#dispatch('end');
    return Promise.resolve();
  }

  /** Puts something on the way to the other end; false when the link loses it. */
  #dispatch(content: InFlight['content']): boolean {
    if (this.#link.state === 'lossy') return false;
    this.#other.#accept(content);
    return true;
  }

  #accept(content: InFlight['content']): void {
    const { latencyMs, scheduler } = this.#link;
    const item: InFlight = { content, hasArrived: false };
    this.#inbox.push(item);
    scheduler.schedule(() => {
      item.hasArrived = true;
      this.#deliver();
    }, latencyMs);
  }

  #deliver(): void {
    let next: InFlight | undefined;
    while (this.#link.state !== 'stalled' && (next = this.#inbox[0]) !== undefined) {
      // An end is heard without reading, as on a socket.
      if (!next.hasArrived || (next.content !== 'end' && !this.#isReading)) break;
      this.#inbox.shift();
      this.#take(next.content);
    }
    this.#other.wrote();
  }

  #take(content: InFlight['content']): void {
    if (content === 'end') {
      this.end();
      this.#other.end();
    } else {
      this.#other.#noteTaken(content.length);
      this.alive();
      if (content.length <= this.maxFrameBytes) this.receive(content);
      else this.end(tooLarge(content.length, this.maxFrameBytes));
    }
  }

  #noteTaken(bytes: number): void {
    this.#bufferedBytes -= bytes;
    this.#bufferedFrames -= 1;
  }
}

function tooLarge(length: number, maxFrameBytes: number): CommError {
  const detail = `bad frame: expected at most ${maxFrameBytes} bytes, got ${length}`;
  return new CommError(CommErrorCode.BAD_DATA, detail);
}
