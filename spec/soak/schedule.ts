import { seededRandom } from '../support/random.js';

/** What is done to one site. */
export type Trial =
  /** Frozen until the others have noticed; restarted in good order. */
  | { readonly type: 'cut' | 'reset' | 'half-open' | 'freeze' | 'restart' }
  /** Killed, and started again after so long. */
  | { readonly type: 'kill'; readonly ms: number }
  /** Reset, and refused for so long. */
  | { readonly type: 'refuse'; readonly ms: number }
  | Impairment;

/** What a line must bear for so long, without losing anything. */
export interface Impairment {
  readonly type: 'delay' | 'throttle' | 'split';
  readonly ms: number;
}

/** A trial at its time. */
export interface Planned {
  /** After the start. */
  readonly atMs: number;
  /** 0 is the first site. */
  readonly site: number;
  readonly trial: Trial;
}

/** How much is planned. */
export interface PlanOptions {
  readonly seed: number;
  readonly sites: number;
  readonly fromMs: number;
  readonly untilMs: number;
  /** From one trial to the next, about. */
  readonly everyMs: number;
}

const KINDS: readonly Trial['type'][] = [
  'cut',
  'reset',
  'half-open',
  'restart',
  'kill',
  'freeze',
  'refuse',
  'delay',
  'throttle',
  'split',
];

/**
 * Deals trials to sites, the same on every run with the same seed. All kinds are dealt before one comes again, and
 * so are the sites.
 */
export function planTrials({ seed, sites, fromMs, untilMs, everyMs }: PlanOptions): readonly Planned[] {
  const random = seededRandom(seed);
  const kinds = deal(KINDS, random);
  const targets = deal([...Array(sites).keys()], random);
  const plan: Planned[] = [];
  for (let atMs = fromMs; atMs < untilMs; atMs += everyMs * (0.5 + random())) {
    plan.push({ atMs, site: targets.next().value, trial: trialOf(kinds.next().value, random) });
  }
  return plan;
}

function trialOf(type: Trial['type'], random: () => number): Trial {
  switch (type) {
    case 'cut':
    case 'reset':
    case 'half-open':
    case 'restart':
    case 'freeze':
      return { type };
    default:
      return { type, ms: 500 + Math.floor(random() * 2_000) };
  }
}

/** One after the other in random order, again and again. */
export function* deal<T>(items: readonly T[], random: () => number): Generator<T, never> {
  for (;;) {
    const left = [...items];
    while (left.length > 0) yield* left.splice(Math.floor(random() * left.length), 1);
  }
}
