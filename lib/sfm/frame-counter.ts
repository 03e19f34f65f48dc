import type { Tally } from '../stats.js';
import { NIL_PAYLOAD } from '../wire/frame.js';
import { FrameType, PREFIX_BYTES } from '../wire/prefix.js';

/** The control frames that a session sends. */
export type ControlType =
  typeof FrameType.HELLO | typeof FrameType.READY | typeof FrameType.PING | typeof FrameType.PONG;

/** Bytes of a PING or PONG. */
const HEARTBEAT_BYTES = PREFIX_BYTES + NIL_PAYLOAD.length;

/**
 * Numbers the frames of one session, in the order sent, and knows which of the last ones are control frames: at most
 * one of each kind waits in a connection.
 */
export class FrameCounter {
  #count = 0;
  #handshake = 0;
  #handshakeBytes = 0;
  #ping = 0;
  #pong = 0;

  /** The number of the next frame, a message. */
  nextMessage(): number {
    return (this.#count += 1);
  }

  /** The number of the next frame, a control frame. */
  nextControl(type: ControlType, bytes: number): number {
    this.#count += 1;
    if (type === FrameType.PING) this.#ping = this.#count;
    else if (type === FrameType.PONG) this.#pong = this.#count;
    else {
      this.#handshake = this.#count;
      this.#handshakeBytes = bytes;
    }
    return this.#count;
  }

  /** The last frame was not taken. */
  takeBack(): void {
    this.#count -= 1;
  }

  /**
   * Whether the last PING or PONG is among the last frames.
   *
   * @param last - how many frames that is: those that wait
   */
  isWaiting(type: typeof FrameType.PING | typeof FrameType.PONG, last: number): boolean {
    return (type === FrameType.PING ? this.#ping : this.#pong) > this.#count - last;
  }

  /**
   * The messages among the last frames.
   *
   * @param frames - how many frames that is, control frames included
   * @param bytes - how many bytes they have
   * @param behind - how many more frames were sent after them
   */
  messagesOf(frames: number, bytes: number, behind = 0): Tally {
    const end = this.#count - behind;
    const isAmong = (position: number) => position > end - frames && position <= end;
    const heartbeats = Number(isAmong(this.#ping)) + Number(isAmong(this.#pong));
    const handshakes = Number(isAmong(this.#handshake));
    const messages = frames - heartbeats - handshakes;
    const controlBytes = heartbeats * HEARTBEAT_BYTES + handshakes * this.#handshakeBytes;
    // A part of the oldest frame may be out.
    return { messages, bytes: messages === 0 ? 0 : Math.max(0, bytes - controlBytes) };
  }
}
