import { setImmediate as yieldToEvents } from 'node:timers/promises';

import { toHex } from '../support/bytes.js';
import { Dice } from './dice.js';
import type { FuzzInput, FuzzTarget, Lab } from './target.js';

/** An input that did what it never should, with all that is needed to see it again. */
export interface Failure {
  readonly target: string;
  /** `--seed` of this makes it the first input. */
  readonly seed: number;
  readonly variant: string;
  /** The parts of the input. */
  readonly hex: readonly string[];
  readonly message: string;
}

/** From where to where. */
export interface Stretch {
  /** Of the first input; each next one has the next seed. */
  readonly seed: number;
  /** Asked before each input, with how many there were. */
  readonly goesOn: (inputs: number) => boolean;
  /** Told before each input, for a watchdog. */
  readonly begins?: (seed: number) => void;
}

/** What came of a stretch. */
export interface StretchResult {
  readonly inputs: number;
  readonly failure: Failure | undefined;
}

/** What is left to do in the background is done every so many inputs. */
const YIELD_EVERY = 256;

/** Feeds inputs to a target until told to stop, or until one fails. */
export async function runStretch(target: FuzzTarget, lab: Lab, stretch: Stretch): Promise<StretchResult> {
  let inputs = 0;
  for (; stretch.goesOn(inputs); inputs += 1) {
    const seed = (stretch.seed + inputs) >>> 0;
    stretch.begins?.(seed);
    const input = target.make(new Dice(seed));
    try {
      const pending = lab.check(input);
      if (pending !== undefined) await pending;
    } catch (error) {
      return { inputs: inputs + 1, failure: failureOf(target, seed, input, error) };
    }
    if (inputs % YIELD_EVERY === 0) await yieldToEvents();
  }
  return { inputs, failure: undefined };
}

/** What to print of an input that failed. */
export function failureOf(target: FuzzTarget, seed: number, input: FuzzInput, error: unknown): Failure {
  return {
    target: target.name,
    seed,
    variant: input.variant,
    hex: input.parts.map(toHex),
    message: describe(error),
  };
}

/** In words, with the errors underneath. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = `${error.name}: ${error.message}`;
  return error.cause === undefined ? text : `${text}\n  caused by ${describe(error.cause)}`;
}
