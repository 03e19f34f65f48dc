import { Subscription } from 'rxjs';

import { NvflarePeer, type PeerMessage, PeerCommandError } from '../../support/nvflare-peer.js';
import { pattern, sha256 } from '../../support/pattern.js';
import { seededRandom } from '../../support/random.js';
import { DeliveryLog } from '../delivery-log.js';
import type { Run } from '../ledger.js';
import { APP } from '../messages.js';

const VERSION = '2.9.0';
const MOST_BYTES = 2_000;

/** A site of NVFlare, which sends and receives numbered messages as the others do. */
export class NvflareSite implements AsyncDisposable {
  readonly name: string;
  readonly #peer: NvflarePeer;
  readonly #random: () => number;
  /** Its messages are handled by many threads. */
  readonly #log = new DeliveryLog({ [APP]: 'nothing' });
  readonly #hub: string;
  readonly #work = new Subscription();
  readonly #refused: Record<string, number> = {};
  #connections = 0;
  #lost = 0;
  #accepted = 0;
  #isSending = false;

  private constructor(name: string, hub: string, seed: number, peer: NvflarePeer) {
    this.name = name;
    this.#hub = hub;
    this.#random = seededRandom(seed);
    this.#peer = peer;
    this.#work.add(
      peer.events.subscribe((event) => {
        if (event.event === 'message') this.#note(event);
        if (event.event !== 'endpoint' || event.name !== hub) return;
        if (event.state === 'READY') this.#connections += 1;
        else if (event.state === 'DISCONNECTED') this.#lost += 1;
      }),
    );
  }

  /**
   * Starts a process that connects to a hub.
   *
   * @param prefix - what to put before its command line
   */
  static async start(
    name: string,
    to: { readonly hub: string; readonly url: string },
    seed: number,
    prefix: readonly string[],
  ): Promise<NvflareSite> {
    const peer = await NvflarePeer.start({ version: VERSION, name, prefix });
    const site = new NvflareSite(name, to.hub, seed, peer);
    await peer.receive(APP);
    await peer.connect(to.url);
    return site;
  }

  /** The one process that it has. */
  get runs(): readonly Run[] {
    const nothing = { app: APP, dropped: 0, evictedAt: [], refused: this.#refused };
    const report = {
      sent: [{ ...nothing, to: this.#hub, accepted: this.#accepted }],
      received: this.#log.received,
      violations: this.#log.violations,
      lost: { DISCONNECTED: this.#lost },
      lagMs: 0,
    };
    return [{ name: this.name, run: 1, report, wasKilled: false, endedWell: false }];
  }

  /** Sends one message, unless the last one is on its way to Python. */
  async sendOne(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    const sequence = this.#accepted + 1;
    // It does not tell which connection it sends on.
    const headers = { run: 1, sequence, base: sequence };
    const size = Math.floor(this.#random() * MOST_BYTES);
    try {
      await this.#peer.send({ to: this.#hub, app: APP, headers, size, seed: sequence });
      this.#accepted = sequence;
    } catch (error) {
      if (!(error instanceof PeerCommandError)) throw error;
      this.#refused[error.code] = (this.#refused[error.code] ?? 0) + 1;
    } finally {
      this.#isSending = false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#work.unsubscribe();
    await this.#peer.kill();
  }

  #note({ from, app, headers, bytes, sha256: hash }: PeerMessage): void {
    const stamp = {
      run: Number(headers?.run),
      sequence: Number(headers?.sequence),
      base: Number(headers?.base),
    };
    if (hash !== sha256(pattern(bytes, stamp.sequence)))
      this.#log.violations.push(`message ${stamp.sequence} of ${from}: its bytes are not those sent`);
    this.#log.note(stamp, { from, app, connection: String(this.#connections) });
  }
}
