import type { Tally } from '../stats.js';

/** Counts messages and their bytes. */
export class Counter implements Tally {
  messages = 0;
  bytes = 0;

  /** Counts one message. */
  count(bytes: number): void {
    this.messages += 1;
    this.bytes += bytes;
  }

  /** Counts what another one counted. */
  add({ messages, bytes }: Tally): void {
    this.messages += messages;
    this.bytes += bytes;
  }

  /** The figures now. */
  toTally(): Tally {
    return { messages: this.messages, bytes: this.bytes };
  }
}

/** What went over a connection, or to and from an endpoint. */
export class Traffic {
  readonly sent = new Counter();
  readonly received = new Counter();
  /** Of those received, what nobody listens to. */
  readonly unclaimed = new Counter();

  /** Counts what another one counted. */
  add({ sent, received, unclaimed }: Traffic): void {
    this.sent.add(sent);
    this.received.add(received);
    this.unclaimed.add(unclaimed);
  }
}
