import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { parseUrl } from '../../lib/transport/url.js';
import { encodeHead } from '../../lib/wire/frame.js';
import { encodeMap } from '../../lib/wire/map-codec.js';
import { FrameType } from '../../lib/wire/prefix.js';

/** A peer that can send any bytes: what no well-behaved library would. */
export class RawPeer implements Disposable {
  readonly socket: Socket;
  readonly localPort: number;
  readonly #closed: Promise<unknown>;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.localPort = socket.localPort ?? 0;
    this.#closed = new Promise((resolve) => socket.once('close', resolve));
    // A reset is one of the ways in which the other side may close.
    socket.on('error', () => undefined);
    socket.resume();
  }

  static async connect(url: string): Promise<RawPeer> {
    const { host = '', port = 0 } = parseUrl(url);
    const socket = connect({ host, port });
    await once(socket, 'connect');
    return new RawPeer(socket);
  }

  send(...frames: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** Resolves when the other side has closed the connection. */
  async closed(): Promise<void> {
    await this.#closed;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** A whole frame. */
export function frame(type: number, payload: Uint8Array = new Uint8Array(0), appId = 0): Uint8Array {
  return Buffer.concat([
    encodeHead({ type: type as FrameType, appId, streamId: 1 }, payload.length),
    payload,
  ]);
}

/** A HELLO with any fields. */
export function hello(fields: Record<string, string | number> = { endpoint_name: 'raw' }): Uint8Array {
  return frame(FrameType.HELLO, encodeMap({ timestamp: 1, ...fields }).slice());
}
