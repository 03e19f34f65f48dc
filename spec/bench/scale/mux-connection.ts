import { BaseConnection } from '../../../lib/drivers/index.js';
import { CommError, CommErrorCode, type ConnectionProperties } from '../../../lib/index.js';
import type { MuxCarrier, MuxLine } from './mux-carrier.js';

/** How long the peer may take to close its side. */
const LINGER_MS = 1_000;

/** One of many connections on a carrier. */
export class MuxConnection extends BaseConnection implements MuxLine {
  override bufferedBytes = 0;
  override bufferedFrames = 0;
  readonly #carrier: MuxCarrier;
  readonly #id: number;
  /** Where its last frame ends on the carrier. */
  #end = 0;
  #isFlowing = false;
  /** What came while nobody read. The carrier is held, so it is what the last read had at most. */
  #early: Uint8Array[] | undefined;
  #endsBehindEarly = false;

  constructor(carrier: MuxCarrier, id: number, properties: ConnectionProperties) {
    super(properties);
    this.#carrier = carrier;
    this.#id = id;
  }

  received(frame: Uint8Array): void {
    this.alive();
    if (this.#isFlowing) {
      this.#deliver(frame);
      return;
    }
    this.#early ??= [];
    this.#early.push(frame);
    this.#carrier.hold(this);
  }

  written(waited: boolean): void {
    if (this.#carrier.writtenBytes < this.#end) {
      this.#carrier.tellWritten(this.#end, this);
      return;
    }
    this.bufferedBytes = 0;
    this.bufferedFrames = 0;
    if (waited) this.alive();
    this.wrote();
  }

  ended(reason?: CommError): void {
    if (reason === undefined && this.#early !== undefined) this.#endsBehindEarly = true;
    else this.end(reason);
  }

  protected override write(head: Uint8Array, payload?: Uint8Array): void {
    this.#end = this.#carrier.send(this.#id, head, payload);
    if (this.bufferedFrames === 0) this.#carrier.tellWritten(this.#end, this);
    this.bufferedBytes += head.length + (payload?.length ?? 0);
    this.bufferedFrames += 1;
  }

  protected override startReading(): void {
    this.resumeReading();
  }

  protected override pauseReading(): void {
    this.#isFlowing = false;
    this.#carrier.hold(this);
  }

  protected override resumeReading(): void {
    this.#isFlowing = true;
    this.#deliverEarly();
  }

  protected override finishWriting(): void {
    this.#carrier.finish(this.#id);
    this.endAfter(LINGER_MS);
  }

  protected override release(): Promise<void> {
    this.#carrier.close(this.#id);
    this.#carrier.letGo(this);
    return Promise.resolve();
  }

  /** A receiver of one may pause the connection again. */
  #deliverEarly(): void {
    let frame: Uint8Array | undefined;
    while (this.#isFlowing && (frame = this.#early?.shift()) !== undefined) this.#deliver(frame);
    if (!this.#isFlowing) return;
    this.#early = undefined;
    this.#carrier.letGo(this);
    if (this.#endsBehindEarly) this.end();
  }

  #deliver(frame: Uint8Array): void {
    if (frame.length <= this.maxFrameBytes) {
      this.receive(frame);
      return;
    }
    const detail = `bad frame: expected at most ${this.maxFrameBytes} bytes, got ${frame.length}`;
    this.end(new CommError(CommErrorCode.BAD_DATA, `${this.describe()}: ${detail}`));
  }
}
