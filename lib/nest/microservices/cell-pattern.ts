import { isMatching, P } from 'ts-pattern';

import type { RequestOptions } from '../../cellnet/index.js';
import { CommError, CommErrorCode } from '../../comm-error.js';
import { quoted } from '../../quoted.js';

/** What a handler answers: `@MessagePattern({ channel: 'training', topic: 'progress' })`. */
export interface CellPattern {
  readonly channel: string;
  /** `*` stands for the topics of the channel that have no handler, and with the channel `*` for all others. */
  readonly topic: string;
}

/** Whom a client asks for what: `client.send({ target: 'site-1', channel: 'training', topic: 'progress' }, data)`. */
export interface CellAddress extends CellPattern, RequestOptions {
  /** The cell that is asked. Default: `target` of the client. */
  readonly target?: string;
}

const isPattern = isMatching({ channel: P.string, topic: P.string });

/** @throws CommError `BAD_CONFIG` where `pattern` is none of cells */
export function cellAddressOf(pattern: unknown): CellAddress {
  if (isPattern(pattern)) return pattern;
  const shown = typeof pattern === 'string' ? quoted(pattern) : typeof pattern;
  throw new CommError(
    CommErrorCode.BAD_CONFIG,
    `a pattern of cells is { channel, topic }, got this: ${shown}`,
  );
}

/**
 * The pattern behind the text that Nest keeps of it.
 *
 * @throws CommError `BAD_CONFIG` where it is none of cells
 */
export function cellPatternOf(route: string): CellPattern {
  let pattern: unknown = route;
  try {
    pattern = JSON.parse(route);
  } catch {
    // A pattern that is a text stays one.
  }
  return cellAddressOf(pattern);
}
