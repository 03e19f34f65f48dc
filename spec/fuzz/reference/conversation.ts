import { decode } from '@msgpack/msgpack';

import { judgeMap } from './map.js';
import { referenceSplit } from './split.js';

const Type = { DATA: 1, FRAG: 2, ACK: 3, HELLO: 4, READY: 5, PING: 6, PONG: 7 } as const;

/** A stranger's frame may have a prefix and 64 KiB. */
const STRANGER_BYTES = 16 + 0xffff;

/** Who listens to what a peer says, and what is allowed. */
export interface ListenerRules {
  /** What the peer must say first. */
  readonly greeting: 'HELLO' | 'READY';
  readonly localName: string;
  /** The largest frame after the handshake. */
  readonly maxFrameBytes: number;
}

/** What the frames of a peer come to. */
export class Conversation {
  /** Messages that must arrive. */
  deliveries = 0;
  /** PINGs that must be answered. */
  pings = 0;
  isGreeted = false;
  /** A frame broke the protocol: nothing counts from then on. */
  isBroken = false;
  readonly #rules: ListenerRules;

  constructor(rules: ListenerRules) {
    this.#rules = rules;
  }

  /** The largest frame that may come next. */
  get limit(): number {
    return this.isGreeted ? this.#rules.maxFrameBytes : STRANGER_BYTES;
  }

  /** One whole frame comes, or bytes that should be one. */
  take(frame: Uint8Array): void {
    if (this.isBroken) return;
    this.isBroken = !this.#accepts(frame);
  }

  /** The frames of a byte stream come; answers how many bytes are left of one that is not all there. */
  takeStream(bytes: Uint8Array): number {
    // Behind a frame that breaks the protocol nothing fits any more.
    const limit = () => (this.isBroken ? 0 : this.limit);
    const { isBroken, restBytes } = referenceSplit(bytes, limit, (frame) => this.take(frame));
    this.isBroken ||= isBroken;
    return restBytes;
  }

  #accepts(frame: Uint8Array): boolean {
    if (frame.length < 16) return false;
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    const headersEnd = 16 + view.getUint16(4);
    if (view.getUint32(0) !== frame.length || headersEnd > frame.length) return false;
    const type = view.getUint8(6);
    if (!this.isGreeted) return this.#greets(type, frame.subarray(headersEnd));
    switch (type) {
      case Type.DATA: {
        const headers = frame.subarray(16, headersEnd);
        const verdict = judgeMap(headers);
        if (headers.length > 0 && (!verdict.isSound || verdict.hasProto)) return false;
        this.deliveries += 1;
        return true;
      }
      case Type.PING:
        this.pings += 1;
        return true;
      default:
        return type === Type.FRAG || type === Type.ACK || type === Type.PONG;
    }
  }

  #greets(type: number, payload: Uint8Array): boolean {
    if (type !== Type[this.#rules.greeting]) return false;
    const name = nameIn(payload);
    this.isGreeted = name !== undefined && name !== this.#rules.localName;
    return this.isGreeted;
  }
}

/** The valid endpoint name that a handshake presents, if there is one. */
export function nameIn(payload: Uint8Array): string | undefined {
  const { isSound, hasProto } = judgeMap(payload);
  if (!isSound || hasProto) return undefined;
  const { endpoint_name: given } = decode(payload, { useBigInt64: true }) as Record<string, unknown>;
  if (typeof given !== 'string') return undefined;
  const parts = given.trim().split('.');
  const isValid =
    parts.every((part) => /^[\w~-]+$/.test(part)) && parts.every((part, at) => parts.indexOf(part) === at);
  return isValid ? parts.join('.') : undefined;
}
