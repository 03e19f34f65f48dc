import type { Duplex } from 'node:stream';

/** Resolves when a socket or stream is closed, with or without an error. */
export function untilClosed(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', () => resolve());
  });
}
