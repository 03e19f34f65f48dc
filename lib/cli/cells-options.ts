import { readFileSync } from 'node:fs';

import { InvalidArgumentError } from 'commander';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { FobsDialect, FobsValue } from '../fobs/index.js';
import type { KitOptions } from './kit-options.js';

/** The options that all commands of cells have. */
export interface CellCommandOptions extends KitOptions {
  /** How cells of which nothing has come yet write values. */
  readonly dialect: FobsDialect;
  readonly json: boolean;
}

/** The channel and the topic of messages. */
export interface Place {
  readonly channel: string;
  readonly topic: string;
}

/** What a request or a reply is made of; nothing of it for an empty one. */
export interface PayloadOptions {
  /** Text, or `@` and the path of a file. */
  readonly payload?: string;
  /** JSON. */
  readonly value?: string;
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/** Reads a size: `500` in bytes, `1.5GB`, `16GiB`. @returns bytes */
export function size(text: string): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  if (amount !== undefined && factor !== undefined) return Math.floor(Number(amount) * factor);
  throw new InvalidArgumentError('Expected bytes, or a size as 500MB or 16GiB.');
}

/**
 * The payload that a command line describes: a text, the bytes of a file, or a value; `undefined` for none.
 *
 * @throws CommError `BAD_CONFIG` for both, for a file that cannot be read, and for what is no JSON
 */
export function payloadOf({ payload, value }: PayloadOptions): FobsValue {
  if (payload !== undefined && value !== undefined)
    throw new CommError(CommErrorCode.BAD_CONFIG, 'expected --payload or --value, got both');
  if (value !== undefined) {
    try {
      return JSON.parse(value) as FobsValue;
    } catch (error) {
      throw CommError.from(error, '--value', CommErrorCode.BAD_CONFIG);
    }
  }
  if (payload?.startsWith('@') !== true) return payload;
  try {
    return new Uint8Array(readFileSync(payload.slice(1)));
  } catch (error) {
    throw CommError.from(error, '--payload', CommErrorCode.BAD_CONFIG);
  }
}
