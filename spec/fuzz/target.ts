import type { Dice } from './dice.js';

/** What is fed to a target. */
export interface FuzzInput {
  /** The bytes, in the pieces in which they are fed. */
  readonly parts: readonly Uint8Array[];
  /** How they are fed, where there is more than one way. */
  readonly variant: string;
}

/** A part of rxflare that takes bytes of strangers. */
export interface FuzzTarget {
  readonly name: string;
  /** `pure` ones are a function call, `live` ones a connection to a listener with a healthy bystander. */
  readonly kind: 'pure' | 'live';
  /** Makes one input, of the dice alone. */
  make(dice: Dice): FuzzInput;
  /** Sets up what takes the inputs. */
  open(): Promise<Lab>;
}

/** A target that is set up. */
export interface Lab {
  /** Feeds one input. Throws, or rejects with, a {@link Finding} where what happens is not as it should be. */
  check(input: FuzzInput): Promise<void> | undefined;
  /** Lets go of everything. */
  close(): Promise<void>;
}

/** The target did what it never should. */
export class Finding extends Error {
  override readonly name = 'Finding';
}

/** Throws a {@link Finding} where something that must hold does not. */
export function insist(holds: boolean, message: string, cause?: unknown): asserts holds {
  if (!holds) throw new Finding(message, { cause });
}
