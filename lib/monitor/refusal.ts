import { P } from 'ts-pattern';

import { CommErrorCode } from '../comm-error.js';
import { oneOf } from './one-of.js';

/** The answer to a request that is not served. */
export interface Refusal {
  readonly type: 'refused';
  /** That of the request. */
  readonly id: number;
  readonly code: CommErrorCode;
  /** Why, in plain words. */
  readonly text: string;
}

/**
 * What a {@link Refusal} looks like on the wire.
 *
 * @internal
 */
export const REFUSAL = {
  type: 'refused',
  id: P.number,
  code: oneOf(CommErrorCode),
  text: P.string,
} as const satisfies Record<keyof Refusal, unknown>;
