import { type Communicator, EndpointState, type LifecycleEvent } from '../../lib/index.js';
import { seededRandom } from '../support/random.js';
import { DeliveryLog } from './delivery-log.js';
import { APP, type PartyConfig, type PartyReport, stampOf } from './messages.js';
import { Sender } from './sender.js';

/** What one communicator sends and receives, and what became of it. */
export class Traffic {
  readonly #communicator: Communicator;
  readonly #run: number;
  readonly #apps: readonly number[];
  readonly #random: () => number;
  readonly #senders = new Map<string, readonly Sender[]>();
  readonly #log: DeliveryLog;
  readonly #lost: Record<string, number> = {};
  #droppedForOthers = 0;

  /** Before the communicator is started: it counts from the first connection on. */
  constructor(
    communicator: Communicator,
    { run, seed, sends = [APP], relayed = [] }: Pick<PartyConfig, 'run' | 'seed' | 'sends' | 'relayed'>,
  ) {
    this.#communicator = communicator;
    this.#run = run;
    this.#apps = sends;
    this.#random = seededRandom(seed);
    this.#log = new DeliveryLog(Object.fromEntries(relayed.map((app) => [app, 'replicas'])));
    communicator.lifecycle$.subscribe((event) => this.#takeNote(event));
    for (const app of new Set([APP, ...relayed]))
      communicator.registerMessageReceiver(app, ({ endpoint, connection, message }) => {
        this.#log.note(stampOf(message), { from: endpoint.name, app, connection: connection.name });
      });
  }

  /** Sends to this endpoint from now on, be it READY or not. Those that join are sent to anyway. */
  sendTo(name: string): void {
    this.#sendersTo(name);
  }

  /** A few messages to everyone. */
  sendSome(): void {
    for (const sender of [...this.#senders.values()].flat()) sender.sendSome();
  }

  /** Where things stand. */
  get report(): Omit<PartyReport, 'lagMs'> {
    const sent = [...this.#senders.values()].flat().map((sender) => sender.sent);
    return { sent, received: this.#log.received, violations: this.#log.violations, lost: this.#lost };
  }

  /** Messages of endpoints for receivers of other replicas that are told as `dropped`. */
  get droppedForOthers(): number {
    return this.#droppedForOthers;
  }

  #sendersTo(to: string): readonly Sender[] {
    const known = this.#senders.get(to);
    if (known !== undefined) return known;
    const senders = this.#apps.map((app) => new Sender(this.#communicator, to, app, this.#run, this.#random));
    this.#senders.set(to, senders);
    return senders;
  }

  #takeNote(event: LifecycleEvent): void {
    switch (event.type) {
      case 'endpoint':
        if (event.endpoint.state === EndpointState.READY)
          for (const sender of this.#sendersTo(event.endpoint.name)) sender.connected();
        break;
      case 'evicted':
        for (const sender of this.#sendersTo(event.endpointName)) sender.evicted();
        break;
      case 'dropped': {
        if (event.reason !== 'disconnected') {
          this.#log.violations.push(`${event.endpointName}: nobody asked for app ID ${event.appId}`);
          break;
        }
        const messages = event.undelivered.messages + event.unknown.messages;
        if (event.endpointName === this.#communicator.localEndpoint.name) this.#droppedForOthers += messages;
        else this.#sendersTo(event.endpointName)[0]?.dropped(messages);
        break;
      }
      case 'disconnected': {
        if (event.endpointName === undefined) break;
        const code = event.error?.code ?? 'clean';
        this.#lost[code] = (this.#lost[code] ?? 0) + 1;
        break;
      }
      case 'callback-error':
        this.#log.violations.push(event.error.message);
        break;
      default:
    }
  }
}
