import { BaseConnection } from './base-connection.js';

/**
 * What a message comes with that no wire of its own brought: it can be paused, but neither sent on nor closed. Who hands out
 * its messages looks at `isPaused`.
 */
export abstract class WirelessConnection extends BaseConnection {
  override close(): Promise<void> {
    return Promise.resolve();
  }

  /** Ends it. What is on its way still arrives. */
  complete(): void {
    this.end();
  }

  protected override startReading(): void {
    // No frames come.
  }

  protected override pauseReading(): void {
    // `isPaused` says it.
  }

  protected override resumeReading(): void {
    // `resume` goes on.
  }

  protected override finishWriting(): void {
    // `close` does nothing.
  }

  protected override release(): Promise<void> {
    return Promise.resolve();
  }
}
