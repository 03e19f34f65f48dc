/** The most that a peer may send behind its handshake before it is answered; as much as may come in one read. */
export const MAX_HELD_BYTES = 1024 * 1024;

/** Frames that came behind the handshake, before the pause that it brought could take hold. */
export class HeldFrames {
  #frames: Uint8Array[] = [];
  #bytes = 0;

  /** Holds one. @returns false where there is no room for it */
  add(frame: Uint8Array): boolean {
    this.#bytes += frame.length;
    if (this.#bytes > MAX_HELD_BYTES) return false;
    this.#frames.push(frame);
    return true;
  }

  /** Hands over all of them. */
  take(): readonly Uint8Array[] {
    const frames = this.#frames;
    this.#frames = [];
    return frames;
  }
}
