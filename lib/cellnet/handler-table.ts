import { Subscription } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import { quoted } from '../quoted.js';

/** Any topic of a channel, or any channel. */
export const ANY = '*';

/** Handlers by channel and topic, found as NVFlare does: the topic, then any of the channel, then any of all. */
export class HandlerTable<H> {
  readonly #handlers = new Map<string, Map<string, H>>();

  /**
   * @returns unsubscribing takes the handler away
   * @throws CommError `BAD_CONFIG` where channel and topic have one, and for a topic of any channel, which is never found
   */
  add(channel: string, topic: string, handler: H): Subscription {
    if (channel === ANY && topic !== ANY) {
      const text = `no topic of any channel can be handled: name the channel, or the topic ${ANY} too`;
      throw new CommError(CommErrorCode.BAD_CONFIG, `${text}; got topic ${quoted(topic)}`);
    }
    const topics = this.#handlers.get(channel) ?? new Map<string, H>();
    if (topics.has(topic)) {
      const place = `channel ${quoted(channel)}, topic ${quoted(topic)}`;
      throw new CommError(CommErrorCode.BAD_CONFIG, `${place} has a handler already`);
    }
    this.#handlers.set(channel, topics.set(topic, handler));
    return new Subscription(() => {
      topics.delete(topic);
      if (topics.size === 0) this.#handlers.delete(channel);
    });
  }

  /** The handler for a message, if there is one. */
  find(channel: string, topic: string): H | undefined {
    const topics = this.#handlers.get(channel);
    return topics?.get(topic) ?? topics?.get(ANY) ?? this.#handlers.get(ANY)?.get(ANY);
  }

  /** How far that handler is from the topic: 0 for the topic itself, 1 for its channel, 2 for any of all, 3 for none. */
  distance(channel: string, topic: string): number {
    const topics = this.#handlers.get(channel);
    if (topics?.has(topic) === true) return 0;
    if (topics?.has(ANY) === true) return 1;
    return this.#handlers.get(ANY)?.has(ANY) === true ? 2 : 3;
  }
}
