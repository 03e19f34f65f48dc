import { concatBytes } from '../../support/bytes.js';
import { conversation } from '../corpus.js';
import type { Dice } from '../dice.js';
import { Hub, HUB_RULES } from '../hub.js';
import { cutUp, mutate } from '../mutate.js';
import { requireBadData, requireHarmless, requireNamed } from '../outcome.js';
import { RawClient } from '../raw-client.js';
import { Conversation } from '../reference/conversation.js';
import type { FuzzInput, FuzzTarget } from '../target.js';

const Opcode = { CONTINUE: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

const REQUEST = Buffer.from(
  'GET /f3 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n',
);

/**
 * A WebSocket listener. Variants: well-formed `messages`, `fragments` and `text` whose content may be wrong; `bytes` that
 * follow an upgrade and may break the framing; and a `request` that may be wrong itself.
 */
export const webSocketTarget: FuzzTarget = {
  name: 'websocket',
  kind: 'live',
  make(dice) {
    const variant = dice.pick(['messages', 'fragments', 'text', 'bytes', 'bytes', 'request'] as const);
    if (isWellFormed(variant)) return { parts: conversation(dice), variant };
    const frames = randomFrames(dice);
    if (variant === 'bytes') return { parts: cutUp(mutate(frames, dice), dice).slice(0, 40), variant };
    const request = mutate(REQUEST, dice);
    return { parts: cutUp(concatBytes([request, frames]), dice).slice(0, 40), variant };
  },
  async open() {
    const hub = await Hub.open('http://127.0.0.1:0');
    return { check: (input) => check(hub, input), close: () => hub.close() };
  },
};

function isWellFormed(variant: string): boolean {
  return variant === 'messages' || variant === 'fragments' || variant === 'text';
}

async function check(hub: Hub, input: FuzzInput): Promise<void> {
  const client = await RawClient.connect(hub.url);
  await (isWellFormed(input.variant) ? checkMessages(hub, client, input) : checkBytes(hub, client, input));
  await hub.checkBystander();
}

async function checkMessages(hub: Hub, client: RawClient, { parts, variant }: FuzzInput): Promise<void> {
  const expected = new Conversation(HUB_RULES);
  // Text is refused, even where its bytes are a good frame.
  if (variant === 'text') expected.isBroken = true;
  for (const part of parts) expected.take(part);
  const frame = variant === 'messages' ? wholeMessage : variant === 'text' ? textMessage : fragmentedMessage;
  await client.write([REQUEST, ...parts.map(frame)]);
  if (!expected.isBroken) await client.write([closeFrame(1000)]);
  await client.closed();
  const fate = await hub.fateOf(client.address);
  if (expected.isBroken) requireBadData(fate.error);
  else requireHarmless(fate, true);
}

async function checkBytes(hub: Hub, client: RawClient, { parts, variant }: FuzzInput): Promise<void> {
  await client.write(variant === 'bytes' ? [REQUEST, ...parts] : parts);
  client.end();
  await client.closed();
  if (hub.hasMet(client.address)) requireNamed(await hub.fateOf(client.address));
}

/** Messages as they may come, among frames that should not. */
function randomFrames(dice: Dice): Uint8Array {
  const frames = conversation(dice).map(dice.chance(0.5) ? wholeMessage : fragmentedMessage);
  for (let left = dice.below(4); left > 0; left -= 1)
    frames.splice(dice.below(frames.length + 1), 0, oddFrame(dice));
  return concatBytes(frames);
}

function oddFrame(dice: Dice): Uint8Array {
  switch (dice.below(7)) {
    case 0:
      return closeFrame(
        dice.pick([0, 999, 1000, 1001, 1004, 1005, 1006, 1007, 1011, 2999, 3000, 4002, 4999, 65_535]),
      );
    case 1:
      return wsFrame(0x80 | Opcode.PING, dice.bytes(dice.below(130)));
    case 2:
      return wsFrame(0x80 | Opcode.PONG, dice.bytes(dice.below(130)));
    case 3:
      return wsFrame(0x80 | Opcode.TEXT, Uint8Array.of(0xc3, 0x28, 0xff));
    case 4:
      return wsFrame(dice.below(256), dice.bytes(dice.below(30)));
    case 5:
      return declaring(dice);
    default:
      return wsFrame(0x80 | Opcode.BINARY, dice.bytes(dice.below(30)), false);
  }
}

/** A binary message that declares far more than comes. */
function declaring(dice: Dice): Uint8Array {
  const bytes = concatBytes([
    Uint8Array.of(0x80 | Opcode.BINARY, 0xff),
    dice.bytes(8),
    dice.bytes(dice.below(40)),
  ]);
  new DataView(bytes.buffer).setUint32(2, dice.pick([0, 0, 0, 1, 0x7fff_ffff, 0xffff_ffff]));
  return bytes;
}

function wholeMessage(message: Uint8Array): Uint8Array {
  return wsFrame(0x80 | Opcode.BINARY, message);
}

function textMessage(message: Uint8Array): Uint8Array {
  return wsFrame(0x80 | Opcode.TEXT, message);
}

function fragmentedMessage(message: Uint8Array): Uint8Array {
  const middle = Math.floor(message.length / 3);
  return concatBytes([
    wsFrame(Opcode.BINARY, message.subarray(0, middle)),
    wsFrame(0x80 | Opcode.PING, Uint8Array.of(1)),
    wsFrame(Opcode.CONTINUE, message.subarray(middle, middle * 2)),
    wsFrame(0x80 | Opcode.CONTINUE, message.subarray(middle * 2)),
  ]);
}

function closeFrame(code: number): Uint8Array {
  return wsFrame(0x80 | Opcode.CLOSE, Uint8Array.of(code >> 8, code));
}

/** A frame as a client sends it, masked unless told. */
function wsFrame(first: number, payload: Uint8Array, isMasked = true): Uint8Array {
  const { length } = payload;
  const mask = isMasked ? [1, 2, 3, 4] : [];
  const lengthBytes = length < 126 ? [length] : [126, length >> 8, length & 0xff];
  lengthBytes[0] = (lengthBytes[0] ?? 0) | (isMasked ? 0x80 : 0);
  const body = isMasked ? payload.map((byte, index) => byte ^ ((index % 4) + 1)) : payload;
  return concatBytes([Uint8Array.of(first, ...lengthBytes, ...mask), body]);
}
