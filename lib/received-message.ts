import type { Endpoint } from './endpoint.js';
import type { Message } from './message.js';
import type { Connection } from './transport/connection.js';

/** A message with where it came from. */
export interface ReceivedMessage {
  readonly endpoint: Endpoint;
  readonly connection: Connection;
  readonly appId: number;
  readonly message: Message;
  /** Its size on the wire: prefix, headers and payload. */
  readonly bytes: number;
}

/**
 * Processes the messages of one app ID, in the order sent per connection: a function, or an object in the form
 * of NVFlare's `MessageReceiver`.
 *
 * It may return a promise: while the promises of one connection hold more than `maxPendingBytes`, reading from
 * that connection pauses. What it throws, or rejects with, is reported on `lifecycle$` and stops nothing.
 */
export type MessageReceiver =
  | ((received: ReceivedMessage) => unknown)
  | {
      /** Called with each message of the app ID. */
      processMessage(endpoint: Endpoint, connection: Connection, appId: number, message: Message): unknown;
    };
