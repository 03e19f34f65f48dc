import { describe, expect, it } from 'vitest';

import { CommErrorCode, type MessageHeaders } from '../../lib/index.js';
import { MAX_NAME_LENGTH } from '../../lib/endpoint.js';
import { readRequest, relayQuestion } from '../../lib/monitor/relay-protocol.js';

const { read } = relayQuestion({ type: 'watch', id: 7 });
const message = { type: 'message', id: 7, from: 'site-1', app: 5, missed: 0 };

describe('a request', () => {
  it.each<MessageHeaders>([
    { type: 'watch', id: 1 },
    { type: 'stop', id: 1 },
    { type: 'send', id: 1, to: 'site-1', app: 5 },
    { type: 'send', id: 1, to: 'x'.repeat(MAX_NAME_LENGTH), app: 5, inner: { round: 7 } },
  ])('%j is read', (headers) => expect(readRequest({ headers })).toEqual(headers));

  it.each<MessageHeaders | undefined>([
    undefined,
    {},
    { type: 'watch' },
    { type: 'watch', id: 1n },
    { type: 'done', id: 1 },
    { type: 'send', id: 1, to: 'site-1' },
    { type: 'send', id: 1, to: 5, app: 5 },
    { type: 'send', id: 1, to: 'x'.repeat(MAX_NAME_LENGTH + 1), app: 5 },
    { type: 'send', id: 1, to: 'site-1', app: 5, inner: [] },
    { type: 'send', id: 1, to: 'site-1', app: 5, inner: Uint8Array.of(1) },
    { type: 'send', id: 1, to: 'site-1', app: 5, inner: null },
  ])('%o is none', (headers) => expect(readRequest({ headers })).toBeUndefined());

  it('travels in headers, with the payload as it is', () => {
    const payload = Uint8Array.of(1, 2);
    const request = { type: 'send', id: 1, to: 'site-1', app: 5, inner: { round: 7 } } as const;
    expect(relayQuestion(request, payload).message).toEqual({ headers: request, payload });
  });
});

describe('an answer', () => {
  it.each<MessageHeaders>([
    message,
    { ...message, inner: { round: 7 }, missed: 3 },
    { type: 'done', id: 7 },
    { type: 'ended', id: 7 },
    { type: 'refused', id: 7, code: CommErrorCode.CLOSED, text: 'gone' },
  ])('%j is read, with its payload', (headers) => {
    const payload = Uint8Array.of(1);
    expect(read({ headers, payload })).toEqual({ ...headers, payload });
  });

  it.each<MessageHeaders>([
    { ...message, id: 8 },
    { type: 'watch', id: 7 },
    { type: 'send', id: 7, to: 'site-1', app: 5 },
  ])('%j is for somebody else', (headers) => expect(read({ headers })).toBeUndefined());

  it.each<MessageHeaders | undefined>([
    undefined,
    { type: 'done' },
    { type: 'story', id: 7 },
    { ...message, from: 5 },
    { ...message, missed: '3' },
    { ...message, inner: [] },
    { type: 'refused', id: 7, code: 'toString', text: '' },
  ])('%o is BAD_DATA', (headers) => {
    expect(() => read({ headers })).toThrow(expect.objectContaining({ code: CommErrorCode.BAD_DATA }));
  });
});
