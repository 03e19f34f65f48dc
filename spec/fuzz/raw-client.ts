import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate as yieldToEvents } from 'node:timers/promises';

import { firstValueFrom, from, merge, timeout, timer } from 'rxjs';

import { parseUrl } from '../../lib/transport/url.js';
import { PATIENCE_MS } from './hub.js';
import { insist } from './target.js';

/** Enough for what was written to be read on loopback. */
const READ_MS = 5;

/** A TCP socket that writes what it is given, and reads whatever comes. */
export class RawClient {
  /** Of this side, as the hub sees it. */
  readonly address: string;
  readonly #socket: Socket;
  readonly #closed: Promise<unknown>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.address = `127.0.0.1:${socket.localPort}`;
    // A hub that refuses what is still being written resets the connection.
    socket.on('error', () => undefined);
    this.#closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume();
  }

  /** Connects to the host and port of a URL. */
  static async connect(url: string): Promise<RawClient> {
    const { host = '', port = 0 } = parseUrl(url);
    const socket = connect({ host, port, noDelay: true });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Writes parts, each in a turn of its own. */
  async write(parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) {
      if (!this.#socket.writable) return;
      this.#socket.write(part);
      await yieldToEvents();
    }
  }

  /** Says that nothing more comes. */
  end(): void {
    this.#socket.end();
  }

  /** Lets the other side read for a moment, and resets the connection. */
  async vanish(): Promise<void> {
    await firstValueFrom(merge(from(this.#closed), timer(READ_MS)));
    this.#socket.resetAndDestroy();
    await this.#closed;
  }

  /** Resolves when the other side has closed as well, which it must. */
  async closed(): Promise<void> {
    const outcome = await firstValueFrom(from(this.#closed).pipe(timeout(PATIENCE_MS))).catch(
      (error: unknown) => error,
    );
    this.#socket.destroy();
    insist(!(outcome instanceof Error), `the hub left the socket of ${this.address} open`, outcome);
  }
}
