import { describe, expect, it } from 'vitest';

import { CommErrorCode, Communicator, Endpoint, type Message, type MessageReceiver } from '../lib/index.js';

const badData = expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as Error;
const badConfig = expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error;

// A user without TypeScript can give anything.
describe('a message that is none', () => {
  it.each([
    ['a text', 'hello'],
    ['a number', 5],
    ['null', null],
    ['undefined', undefined],
    ['a list', [1, 2]],
    ['bytes', Uint8Array.of(1)],
    ['a field that a message does not have', { text: 'hello' }],
    ['such a field beside a payload', { payload: Uint8Array.of(1), header: {} }],
    ['a payload that is a text', { payload: 'hello' }],
    ['a payload that is an ArrayBuffer', { payload: new ArrayBuffer(1) }],
    ['headers that are a list', { headers: [1] }],
  ])('is refused at once, and says what it should be: %s', (_, message) => {
    const hub = new Communicator(new Endpoint('hub'));
    const send = () => hub.send('hub', 1, message as Message);
    expect(send).toThrow(badData);
  });

  it.each(['hello', { text: 'hello' }])('is refused with the functions that make one: %j', (message) => {
    const hub = new Communicator(new Endpoint('hub'));
    expect(() => hub.send('hub', 1, message as Message)).toThrow(/textMessage.*jsonMessage/);
  });

  it.each<[string, Message]>([
    ['nothing', {}],
    ['undefined fields', { headers: undefined, payload: undefined }],
    ['a Buffer', { payload: Buffer.from('a') }],
  ])('is not one with %s', (_, message) => {
    const hub = new Communicator(new Endpoint('hub'));
    expect(hub.send('hub', 1, message)).toBe(true);
  });
});

describe('a second receiver', () => {
  it.each([
    [1, /app ID 1 has a receiver already: cells receive under it, .* such as 100$/],
    [100, /app ID 100 has a receiver already$/],
  ])('of app ID %i is refused, with a word on cells where it is theirs', (appId, words) => {
    const hub = new Communicator(new Endpoint('hub'));
    hub.registerMessageReceiver(appId, () => undefined);
    expect(() => hub.registerMessageReceiver(appId, () => undefined)).toThrow(words);
  });
});

describe('a receiver that is none', () => {
  it.each([undefined, null, 5, 'x', {}, { processMessage: 5 }])('is refused at once: %j', (receiver) => {
    const hub = new Communicator(new Endpoint('hub'));
    expect(() => hub.registerMessageReceiver(1, receiver as MessageReceiver)).toThrow(badConfig);
    expect(() => hub.registerMessageReceiver(1, () => undefined)).not.toThrow();
  });
});
