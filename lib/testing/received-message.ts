import { asapScheduler } from 'rxjs';

import type { Endpoint } from '../endpoint.js';
import { AppIds, type MessageHeaders, textMessage } from '../message.js';
import type { ReceivedMessage } from '../received-message.js';
import { encodeHead } from '../wire/frame.js';
import { FrameType } from '../wire/prefix.js';
import { testEndpoint } from './test-endpoint.js';
import { VirtualLink } from './virtual-link.js';

/** What {@link receivedMessage} takes. */
export interface ReceivedMessageParts {
  /** Who sent it, or the name of a READY endpoint. Default: `site-1`. */
  readonly from?: Endpoint | string;
  /** Default: `AppIds.DEFAULT`. */
  readonly appId?: number;
  readonly headers?: MessageHeaders;
  /** The payload, as bytes or as text that goes out as UTF-8. An empty one arrives as none, as on the wire. */
  readonly payload?: Uint8Array | string;
}

/**
 * A message as `messages(appId)` would emit it, for code that takes a `ReceivedMessage`. Its connection is open,
 * and what is sent on it goes nowhere.
 *
 * @example
 * ```ts
 * const received = receivedMessage({ from: 'site-2', headers: { round: 3 }, payload: 'weights' });
 * ```
 */
export function receivedMessage(parts: ReceivedMessageParts = {}): ReceivedMessage {
  const { from = 'site-1', appId = AppIds.DEFAULT, headers, payload } = parts;
  const endpoint = typeof from === 'string' ? testEndpoint(from) : from;
  const bytes = typeof payload === 'string' ? textMessage(payload).payload : payload;
  const link = new VirtualLink(`${endpoint.name} and this endpoint`, asapScheduler, 0);
  const [, connection] = link.pair(endpoint.name, 'virtual');
  const head = encodeHead({ type: FrameType.DATA, appId, streamId: 0, headers }, bytes?.length ?? 0);
  return {
    endpoint,
    connection,
    appId,
    message: { headers, payload: bytes?.length === 0 ? undefined : bytes },
    bytes: head.length + (bytes?.length ?? 0),
  };
}
