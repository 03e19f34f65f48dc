import { isMatching, P } from 'ts-pattern';

import type { Message, MessageHeaders } from '../message.js';
import { REPLY_CHANNEL } from './channels.js';
import { DOWNLOAD_CHANNEL } from './download-protocol.js';
import { Header, MessageType, requestIds, textHeader } from './headers.js';
import { decodePayload } from './payload.js';
import { STREAM_CHANNEL, StreamHeader, StreamTopic } from './stream-headers.js';

/** A step of a pull is much smaller. */
const MAX_STEP_BYTES = 10_000;

const hasReference = isMatching({ ref_id: P.string });

/** Whom a message is for: those who know this ID of what they asked, sent or offered, or all. */
export type Addressee = { readonly id: string } | 'every';

/**
 * Whose answer a message to the cell of a hub of several replicas is. Each replica has a cell of that name.
 *
 * @returns the ID of what one of them asked, sent or offered, which begins with the mark of its replica; `every` for what
 * answers a stream, which does not tell; `undefined` for all else, which any of them may take
 */
export function addresseeOf(self: string, { headers = {}, payload }: Message): Addressee | undefined {
  const { cn__msg_type: type, cn__destination: destination } = headers;
  if (destination !== self) return undefined;
  if (type !== MessageType.REQUEST) return known(requestIds(headers)[0]);
  const channel = textHeader(headers, Header.CHANNEL);
  if (channel !== STREAM_CHANNEL) return known(referenceOf(channel, { headers, payload }));
  if (headers[Header.TOPIC] !== StreamTopic.DATA) return 'every';
  const streamed = textHeader(headers, StreamHeader.CHANNEL);
  if (streamed === REPLY_CHANNEL) return known(textHeader(headers, StreamHeader.REQUEST_ID));
  const encoding = headers[StreamHeader.ENCODING];
  return known(referenceOf(streamed, { headers: { [Header.PAYLOAD_ENCODING]: encoding }, payload }));
}

function known(id: string | undefined): Addressee | undefined {
  return id === undefined ? undefined : { id };
}

/** What a step of a pull asks for. */
function referenceOf(
  channel: string,
  step: Message & { readonly headers: MessageHeaders },
): string | undefined {
  if (channel !== DOWNLOAD_CHANNEL || (step.payload?.length ?? 0) > MAX_STEP_BYTES) return undefined;
  const { value } = decodePayload(step);
  return hasReference(value) ? value.ref_id : undefined;
}
