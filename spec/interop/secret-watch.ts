import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Communicator } from '../../lib/communicator.js';
import type { Message } from '../../lib/message.js';

/** What is secret of a session, as it is found in what is sent and in a kit. */
export class SecretWatch {
  readonly #secrets = new Set<string>();

  /** Sees all that communicators of this process send from now on. @param hear - called with each communicator, once */
  constructor(hear: (communicator: Communicator) => void = () => undefined) {
    const known = new Set<Communicator>();
    const note = (message: Message): void => this.#note(message);
    const send = Reflect.get(Communicator.prototype, 'send') as (...args: readonly unknown[]) => boolean;
    Communicator.prototype.send = function (this: Communicator, endpoint, appId, message): boolean {
      if (!known.has(this)) hear(this);
      known.add(this);
      note(message);
      return send.call(this, endpoint, appId, message);
    };
  }

  /** All so far, with the lines of the key of a kit. */
  found(kit: string): readonly string[] {
    const lines = readFileSync(join(kit, 'startup', 'client.key'), 'latin1').split('\n');
    return [...this.#secrets, ...lines.filter((line) => line.length > 40 && !line.startsWith('-'))];
  }

  /** Tokens and signatures are in headers, and the token of a session in commands. */
  #note({ headers = {}, payload }: Message): void {
    for (const name of ['__token__', '__token_signature__', 'signature']) {
      const value = headers[name];
      if (typeof value === 'string') this.#secrets.add(value);
      if (value instanceof Uint8Array)
        for (const form of formsOf(Buffer.from(value))) this.#secrets.add(form);
    }
    const token = /"type":"token","data":"([^"]+)"/.exec(Buffer.from(payload ?? []).toString('latin1'))?.[1];
    for (const part of token?.split(':') ?? []) this.#secrets.add(part);
  }
}

/** As texts, and as Node prints bytes. */
function formsOf(bytes: Buffer): string[] {
  const first = [...bytes.subarray(0, 16)];
  const hex = first.map((byte) => byte.toString(16).padStart(2, '0'));
  return [bytes.toString('base64'), bytes.toString('hex'), hex.join(' '), first.join(', ')];
}
