import { firstValueFrom, map, NEVER, type Observable, throwError } from 'rxjs';
import { expect, vi } from 'vitest';

import { Cell, CellError, type RequestOptions, ReturnCode } from '../../lib/cellnet/index.js';
import { Communicator, Endpoint, Mode } from '../../lib/index.js';
import type { FobsValue } from '../../lib/fobs/index.js';
import { pattern, sha256 } from '../support/pattern.js';
import { freePort } from '../support/free-port.js';
import { startCellPeers } from './cell-peer.js';

/** One combination to prove. */
export interface CellCase {
  readonly version: string;
  readonly scheme: string;
  readonly server: 'Python' | 'TypeScript';
}

/** What a Python cell is told to send, by itself. */
export interface Wish {
  readonly how: 'request' | 'broadcast' | 'fire' | 'queue';
  readonly topic: string;
  readonly targets: readonly string[];
  readonly payload?: FobsValue;
  /** Of messages alone or of streams. Default: `task`, of messages alone. */
  readonly channel?: 'task' | 'app';
  /** Default: 10. */
  readonly timeout?: number;
}

/**
 * A server with three families below it, all over one transport:
 *
 *     server (Python)                 server (TypeScript, `own`)
 *       js (TypeScript, `own`)          py2 (Python, `other`)
 *       py (Python)                     py (Python)
 *       relay (TypeScript)              relay (TypeScript)
 *         relay.py (Python)               relay.py (Python)
 */
export class CellNet {
  readonly case: CellCase;
  readonly own: Cell;
  /** What cells of Python sent to the topic `note` of {@link CellNet.own}. */
  readonly notes: FobsValue[] = [];
  /** The other side of `own`: the server in Python, or a site. */
  readonly other: string;
  readonly #communicators: readonly Communicator[];
  #endPeers = (): Promise<void> => Promise.resolve();

  private constructor(facts: CellCase, urls: { readonly server: string; readonly relay: string }) {
    this.case = facts;
    const isServer = facts.server === 'TypeScript';
    this.other = isServer ? 'py2' : 'server';
    const own = communicator(isServer ? 'server' : 'js');
    const relay = communicator('relay');
    own.addConnector(urls.server, isServer ? Mode.PASSIVE : Mode.ACTIVE);
    relay.addConnector(urls.server, Mode.ACTIVE);
    relay.addConnector(urls.relay, Mode.PASSIVE);
    this.#communicators = [own, relay];
    new Cell(relay);
    this.own = new Cell(own, { dialect: facts.version < '2.7' ? '2.4' : '2.7' });
    for (const channel of ['task', 'app']) this.#answer(channel);
  }

  /** Resolves when each cell of Python has answered. */
  static async start(facts: CellCase): Promise<CellNet> {
    const [server, relay] = [await freshUrl(facts), await freshUrl(facts)];
    const net = new CellNet(facts, { server, relay });
    await Promise.all(net.#communicators.map((each) => each.start()));
    net.#endPeers = await startCellPeers(facts.version, [
      [net.other, server],
      ['py', server],
      ['relay.py', null, relay],
    ]);
    await Promise.all(
      [net.other, 'py', 'relay.py'].map((name) =>
        vi.waitUntil(async () => (await net.asked(name, 'task', 'echo', 1)) === 1, 30_000),
      ),
    );
    return net;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#communicators.map((each) => each.stop()), this.#endPeers()]);
  }

  /** What a cell replies, or the return code with which that fails. */
  asked(
    target: string,
    channel: string,
    topic: string,
    payload?: FobsValue,
    options?: RequestOptions,
  ): Promise<FobsValue> {
    return outcomeOf(this.own.request(target, channel, topic, payload, options));
  }

  /** What a cell of Python gets when it sends: of each target the return code, the error and the payload. */
  async tells(peer: string, { targets, payload, timeout = 10, ...wish }: Wish): Promise<Outcomes> {
    const told = { ...wish, targets: [...targets], payload: payload ?? null, timeout };
    return (await this.asked(peer, 'admin', 'ask', told, { timeoutMs: 30_000 })) as Outcomes;
  }

  /** Does what a topic of `admin` says, which takes its time. */
  done(peer: string, topic: string, payload: FobsValue): Promise<FobsValue> {
    return this.asked(peer, 'admin', topic, payload, { timeoutMs: 60_000 });
  }

  /** What a cell of Python got of a stream of this name. */
  received(peer: string, name: string): Promise<FobsValue> {
    return vi.waitUntil(() => this.done(peer, 'read', name), 30_000);
  }

  /** All that came was what cells send. */
  expectNoFault(): void {
    expect(this.own.stats).toMatchObject({ malformed: 0, forged: 0 });
  }

  #answer(channel: string): void {
    const { own, notes } = this;
    own.handle(channel, 'echo', ({ payload }) => payload);
    own.handle(channel, 'large', ({ payload }) => pattern(payload as number));
    own.handle(channel, 'note', ({ payload }) => void notes.push(payload));
    own.handle(channel, 'silent', () => NEVER);
    own.handle(channel, 'fail', () => throwError(() => new Error('a secret')));
    own.handle(channel, 'bad session', () => {
      throw new CellError(ReturnCode.INVALID_SESSION, 'a secret');
    });
  }
}

type Outcomes = Readonly<Record<string, readonly [returnCode: string, error: string | null, FobsValue]>>;

/** Megabytes as their hash: to compare them one by one takes minutes. */
export function shown(value: FobsValue): FobsValue {
  return value instanceof Uint8Array ? sha256(value) : value;
}

function outcomeOf(request$: Observable<{ readonly payload: FobsValue }>): Promise<FobsValue> {
  return firstValueFrom(request$.pipe(map(({ payload }) => payload))).catch((error: unknown) => {
    if (error instanceof CellError) return error.returnCode;
    throw error;
  });
}

function communicator(name: string): Communicator {
  const endpoint = new Endpoint(name, { fqcn: name });
  return new Communicator(endpoint, { reconnectDelayMs: 50, maxReconnectDelayMs: 200 });
}

async function freshUrl({ scheme }: CellCase): Promise<string> {
  return `${scheme}://127.0.0.1:${await freePort()}`;
}
