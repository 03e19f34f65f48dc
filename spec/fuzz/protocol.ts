import type { Failure } from './run-target.js';

/** What the thread that fuzzes is told. */
export interface Job {
  readonly targets: readonly string[];
  readonly seed: number;
  readonly seconds: number;
  /** Two numbers: the index of the target at work, and the seed of its input. */
  readonly present: SharedArrayBuffer;
}

/** What it tells: a stretch that is over, and the end. */
export type Report =
  | {
      readonly type: 'stretch';
      readonly target: string;
      readonly inputs: number;
      readonly seconds: number;
      readonly round: number;
      readonly rssBytes: number;
      readonly failure: Failure | undefined;
    }
  | { readonly type: 'end' };
