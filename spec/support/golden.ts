import { readFileSync } from 'node:fs';

import type { MessageHeaders } from '../../lib/message.js';
import type { Prefix } from '../../lib/wire/prefix.js';
import { concatBytes, fromHex } from './bytes.js';
import { parseTagged } from './nvflare-peer.js';

/** A frame that a real NVFlare sent, with what Python found in it. */
export interface GoldenFrame {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly prefix: Prefix;
  readonly headers: MessageHeaders | undefined;
  readonly payload: Uint8Array | undefined;
}

interface Recording {
  readonly frames: readonly {
    readonly name: string;
    readonly hex: string;
    readonly prefix: Prefix;
    readonly headers: MessageHeaders | null;
    readonly payload: string | null;
  }[];
}

const json = readFileSync(new URL('../golden/frames.json', import.meta.url), 'utf8');

export const goldenFrames: readonly GoldenFrame[] = (parseTagged(json) as Recording).frames.map(
  ({ name, hex, prefix, headers, payload }) => ({
    name,
    bytes: fromHex(hex),
    prefix,
    headers: headers ?? undefined,
    payload: payload === null ? undefined : fromHex(payload),
  }),
);

/** All of them back to back, as on a socket. */
export const goldenStream = concatBytes(goldenFrames.map(({ bytes }) => bytes));

/** The recorded frame of this name. */
export function goldenFrame(name: string): GoldenFrame {
  const found = goldenFrames.find((frame) => frame.name === name);
  if (found === undefined) throw new Error(`no recorded frame is called ${name}`);
  return found;
}
