import { isMatching, P } from 'ts-pattern';

import { addresseeOf } from '../cellnet/addressee.js';
import { CommError, CommErrorCode } from '../comm-error.js';
import { endpointNameFault } from '../endpoint.js';
import type { ReceivedMessage } from '../received-message.js';
import { decodeFrame, encodeHead, type Frame } from '../wire/frame.js';
import { FrameType } from '../wire/prefix.js';
import { markOf } from './replica-id.js';

/**
 * Which replicas get a message of a site: `local`, the one that the site is connected to; `one` of all, in turn, as long as
 * it has room; `every` one; or the one with this ID, and where it does not live, the one that the site is connected to.
 */
export type Deliver = 'local' | 'one' | 'every' | { readonly replica: string };

/**
 * Decides for each message of an app ID. Where a function throws, or answers with anything else, its message is `local`,
 * and the log has the reason.
 */
export type DeliverRule = Deliver | ((received: ReceivedMessage) => Deliver);

/** Whether a function of the application has answered as it should. */
export const isDeliver = isMatching(P.union('local', 'one', 'every', { replica: P.string }));

/**
 * The rule for cells: what answers the cell of the hub goes to the replica that asked, sent or offered. What acknowledges a
 * stream does not tell which one sent it: it goes to every replica, and those that have no such stream drop it.
 *
 * @param others - the replicas that live, without this one
 */
export function answersToAsker(localName: string, others: () => readonly string[]): DeliverRule {
  return ({ message }) => {
    const addressee = addresseeOf(localName, message);
    if (addressee === undefined || addressee === 'every') return addressee ?? 'local';
    const replica = others().find((other) => addressee.id.startsWith(markOf(other)));
    return replica === undefined ? 'local' : { replica };
  };
}

/** The first bytes of a message for another replica: the name of the site, and the head of the frame. */
export function encodeSpread({
  endpoint,
  appId,
  message,
}: Pick<ReceivedMessage, 'endpoint' | 'appId' | 'message'>): Uint8Array {
  const { headers, payload } = message;
  const head = encodeHead({ type: FrameType.DATA, appId, streamId: 0, headers }, payload?.length ?? 0);
  const { name } = endpoint;
  const bytes = new Uint8Array(2 + name.length + head.length);
  bytes[0] = name.length >> 8;
  bytes[1] = name.length;
  for (let n = 0; n < name.length; n += 1) bytes[2 + n] = name.charCodeAt(n);
  bytes.set(head, 2 + name.length);
  return bytes;
}

/** The message in such bytes. @throws CommError `BAD_DATA` where there is none */
export function decodeSpread(bytes: Uint8Array): { readonly name: string; readonly frame: Frame } {
  const length = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  const name = String.fromCharCode(...bytes.subarray(2, 2 + length));
  if (endpointNameFault(name) !== undefined)
    throw new CommError(CommErrorCode.BAD_DATA, 'a message of another replica has no name');
  return { name, frame: decodeFrame(bytes.subarray(2 + length)) };
}
