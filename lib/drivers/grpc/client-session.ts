import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

import { Subscription, timer } from 'rxjs';

import { untilClosed } from '../node/until-closed.js';
import { LINGER_MS, SERVER_OPTIONS, WINDOW_BYTES } from './http2.js';

/** The HTTP/2 session with a client. Several streams may share it, as those of Python's channels do. */
export class ClientSession {
  readonly session: ServerHttp2Session;
  readonly socket: Socket;
  #streams = 0;
  /** Destroys the socket after the last stream. */
  #linger = Subscription.EMPTY;

  constructor(socket: Socket) {
    this.socket = socket;
    this.session = performServerHandshake(socket, SERVER_OPTIONS);
    this.session.setLocalWindowSize(WINDOW_BYTES);
    socket.once('close', () => this.#linger.unsubscribe());
  }

  /** Adds a stream. */
  join(): void {
    this.#streams += 1;
    this.#linger.unsubscribe();
  }

  /**
   * Removes a stream that is about to close. After the last one the client has a moment to read what is in flight, then
   * the socket is destroyed.
   *
   * @returns when the stream is closed, and after the last stream the socket
   */
  async leave(stream: ServerHttp2Stream): Promise<void> {
    this.#streams -= 1;
    const isLast = this.#streams === 0;
    if (isLast) {
      this.session.close();
      this.#linger = timer(LINGER_MS).subscribe(() => this.socket.destroy());
    }
    await untilClosed(isLast ? this.socket : stream);
  }
}
