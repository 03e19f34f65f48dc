import { TLSSocket } from 'node:tls';

/** While it is there: what sockets of this process answer when Node or rxflare asks them whether their session was resumed. */
export class ResumedSessions implements Disposable {
  readonly answers = new Set<boolean>();
  readonly #original = Object.getOwnPropertyDescriptor(TLSSocket.prototype, 'isSessionReused') ?? {};

  constructor() {
    const { answers } = this;
    const isSessionReused = this.#original.value as (this: TLSSocket) => boolean;
    TLSSocket.prototype.isSessionReused = function (this: TLSSocket) {
      const isReused = isSessionReused.call(this);
      answers.add(isReused);
      return isReused;
    };
  }

  [Symbol.dispose](): void {
    Object.defineProperty(TLSSocket.prototype, 'isSessionReused', this.#original);
  }
}
