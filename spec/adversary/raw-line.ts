import { once } from 'node:events';
import { connect } from 'node:http2';
import type { Duplex } from 'node:stream';

import { untilClosed } from '../../lib/drivers/node/until-closed.js';
import { framed, rawStream } from '../drivers/grpc/raw-call.js';
import { upgradeRequest } from '../drivers/websocket/raw-client.js';
import { grpcFrame } from '../support/grpc-frame.js';
import { RawPeer } from '../support/raw-peer.js';

/** What a line may have on its way before it waits. */
const FLUSH_BYTES = 256 * 1024;

/** A peer that sends any frames over one transport, and reads only when told. */
export interface RawLine extends Disposable {
  /** Resolves when the other side has ended the connection. */
  readonly closed: Promise<unknown>;
  /** How much it has read. */
  readonly received: number;
  /** Resolves when there is room for more, or the connection has ended. */
  send(...frames: readonly Uint8Array[]): Promise<void>;
  /** Bytes that are on their way to the other side's system. */
  readonly unsent: number;
  /** Reads no more. */
  deafen(): void;
}

/** The transports that peers without rules come by. */
export const LINES = {
  tcp: async (url: string): Promise<RawLine> => lineOf((await RawPeer.connect(url)).socket, (frame) => frame),
  http: async (url: string): Promise<RawLine> => {
    const { socket } = await RawPeer.connect(url);
    socket.write(upgradeRequest('/f3'));
    await once(socket, 'data');
    return lineOf(socket, (frame) => wsFrame(0x2, frame));
  },
  grpc: (url: string): Promise<RawLine> => {
    const session = connect(url.replace('grpc', 'http'), { maxSessionMemory: 1_000 });
    session.on('error', () => undefined);
    const line = lineOf(rawStream(session).resume(), (frame) => framed(grpcFrame(1, frame)));
    return Promise.resolve({
      ...line,
      get received() {
        return line.received;
      },
      get unsent() {
        return line.unsent;
      },
      [Symbol.dispose]: () => session.destroy(),
    });
  },
} satisfies Readonly<Record<string, (url: string) => Promise<RawLine>>>;

/** A transport that there is a line for. */
export type LineScheme = keyof typeof LINES;

/** A frame of WebSocket, masked with zeros; the first byte is 0x80 for the last one, and the opcode. */
export function wsFrame(opcode: number, payload: Uint8Array = new Uint8Array(0), first = 0x80): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 6 : length < 0x1_0000 ? 8 : 14);
  head[0] = first | opcode;
  if (length < 126) head[1] = 0x80 | length;
  else if (length < 0x1_0000) {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

function lineOf(stream: Duplex, wrap: (frame: Uint8Array) => Uint8Array): RawLine {
  const closed = untilClosed(stream);
  let received = 0;
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Uint8Array) => (received += chunk.length));
  return {
    closed,
    get received() {
      return received;
    },
    get unsent() {
      return stream.writableLength;
    },
    async send(...frames) {
      stream.write(Buffer.concat(frames.map(wrap)));
      if (stream.writableLength < FLUSH_BYTES) return;
      await Promise.race([new Promise((resolve) => stream.once('drain', resolve)), closed]);
    },
    deafen: () => void stream.pause(),
    [Symbol.dispose]: () => stream.destroy(),
  };
}
