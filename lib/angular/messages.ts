import { computed, type Signal } from '@angular/core';

import type { ReceivedMessage } from '../received-message.js';
import { injectCommunicator } from './communicator.js';
import { recent } from './recent.js';

/** How many messages {@link injectMessages} keeps, and what of them. */
export interface MessagesOptions<T> {
  /**
   * What to keep of a message, such as `({ message }) => jsonOf(message, schema)`. What it throws goes to the
   * ErrorHandler of the application, and that message is left out. Default: the received message itself.
   */
  readonly read?: (received: ReceivedMessage) => T;
  /** The most messages that are kept, the last ones; an integer above 0. Default: 100. */
  readonly max?: number;
}

/**
 * The messages of an app ID since the call, oldest first. To be called in an injection context, and early: a message
 * that comes before is not kept.
 *
 * @throws CommError `BAD_CONFIG` where the app ID is no integer from 0 to 65,535, or `max` none above 0
 */
export function injectMessages<T = ReceivedMessage>(
  appId: number,
  { read = (received) => received as T, max = 100 }: MessagesOptions<T> = {},
): Signal<readonly T[]> {
  return recent(injectCommunicator().messages(appId), max, read);
}

/**
 * The last message of an app ID; `undefined` until one comes. To be called in an injection context.
 *
 * @param read - see {@link MessagesOptions.read}
 * @throws CommError `BAD_CONFIG` where the app ID is no integer from 0 to 65,535
 */
export function injectLastMessage<T = ReceivedMessage>(
  appId: number,
  read?: (received: ReceivedMessage) => T,
): Signal<T | undefined> {
  const last = injectMessages(appId, { max: 1, ...(read && { read }) });
  return computed(() => last()[0]);
}
