import { type Communicator, EndpointState, type LifecycleEvent } from '../../lib/index.js';
import { seededRandom } from '../support/random.js';
import { DeliveryLog } from './delivery-log.js';
import { APP, type PartyReport, stampOf } from './messages.js';
import { Sender } from './sender.js';

/** What one communicator sends and receives, and what became of it. */
export class Traffic {
  readonly #communicator: Communicator;
  readonly #run: number;
  readonly #random: () => number;
  readonly #senders = new Map<string, Sender>();
  readonly #log = new DeliveryLog();
  readonly #lost: Record<string, number> = {};

  /** Before the communicator is started: it counts from the first connection on. */
  constructor(communicator: Communicator, run: number, seed: number) {
    this.#communicator = communicator;
    this.#run = run;
    this.#random = seededRandom(seed);
    communicator.lifecycle$.subscribe((event) => this.#takeNote(event));
    communicator.registerMessageReceiver(APP, ({ endpoint, connection, message }) => {
      this.#log.note(stampOf(message), { from: endpoint.name, connection: connection.name });
    });
  }

  /** Sends to this endpoint from now on, be it READY or not. Those that join are sent to anyway. */
  sendTo(name: string): void {
    this.#senderTo(name);
  }

  /** A few messages to everyone. */
  sendSome(): void {
    for (const sender of this.#senders.values()) sender.sendSome();
  }

  /** Where things stand. */
  get report(): Omit<PartyReport, 'lagMs'> {
    const sent = [...this.#senders.values()].map((sender) => sender.sent);
    return { sent, received: this.#log.received, violations: this.#log.violations, lost: this.#lost };
  }

  #senderTo(to: string): Sender {
    const sender = this.#senders.get(to) ?? new Sender(this.#communicator, to, this.#run, this.#random);
    this.#senders.set(to, sender);
    return sender;
  }

  #takeNote(event: LifecycleEvent): void {
    switch (event.type) {
      case 'endpoint':
        if (event.endpoint.state === EndpointState.READY) this.#senderTo(event.endpoint.name).connected();
        break;
      case 'evicted':
        this.#senderTo(event.endpointName).evicted();
        break;
      case 'dropped':
        if (event.reason === 'disconnected') {
          this.#senderTo(event.endpointName).dropped(event.undelivered.messages + event.unknown.messages);
        } else this.#log.violations.push(`${event.endpointName}: nobody asked for app ID ${event.appId}`);
        break;
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
