import type { Report } from './protocol.js';
import type { Failure } from './run-target.js';

interface Tally {
  inputs: number;
  seconds: number;
  failures: number;
}

const MIB = 1024 ** 2;

/** After the warm-up memory may grow by no more than this. */
const MAX_GROWTH_BYTES = 50 * MIB;

/** What has been found so far, and how it is told. */
export class FuzzReport {
  readonly failures: Failure[] = [];
  readonly #tallies = new Map<string, Tally>();
  /** After each round. */
  readonly #rss: number[] = [];

  /** Counts a stretch that is over. */
  add({ target, inputs, seconds, round, rssBytes, failure }: Extract<Report, { type: 'stretch' }>): void {
    const tally = this.#tallies.get(target) ?? { inputs: 0, seconds: 0, failures: 0 };
    this.#tallies.set(target, tally);
    tally.inputs += inputs;
    tally.seconds += seconds;
    this.#rss[round] = rssBytes;
    if (failure === undefined) return;
    tally.failures += 1;
    this.failures.push(failure);
  }

  /** All inputs. */
  get inputs(): number {
    return [...this.#tallies.values()].reduce((sum, { inputs }) => sum + inputs, 0);
  }

  /** How much memory grew since the end of the first round. */
  get growthBytes(): number {
    return (this.#rss.at(-1) ?? 0) - (this.#rss[0] ?? 0);
  }

  /** Nothing failed, and memory stayed. */
  get isGood(): boolean {
    return this.failures.length === 0 && this.growthBytes < MAX_GROWTH_BYTES;
  }

  /** The table at the end. */
  render(): string {
    const rows = [...this.#tallies].map(([target, { inputs, seconds, failures }]) => [
      target,
      inputs.toLocaleString('en'),
      Math.round(inputs / seconds).toLocaleString('en'),
      String(failures),
    ]);
    const table = [['target', 'inputs', 'inputs/s', 'failures'], ...rows].map(([name = '', ...figures]) =>
      [name.padEnd(14), ...figures.map((figure) => figure.padStart(12))].join(''),
    );
    const rss = this.#rss.map((bytes) => (bytes / MIB).toFixed(0)).join(', ');
    return [
      ...table,
      `${this.inputs.toLocaleString('en')} inputs in all`,
      `memory after each round: ${rss} MiB; growth after the first: ${(this.growthBytes / MIB).toFixed(1)} MiB`,
    ].join('\n');
  }
}

/** What to print of a failure, so that it can be seen again. */
export function renderFailure({ target, seed, variant, hex, message }: Failure): string {
  return [
    `FAILURE in ${target}: ${message}`,
    `  again: npm run fuzz -- --target ${target} --seed ${seed} --seconds 1`,
    `  variant: ${variant === '' ? 'none' : variant}`,
    ...hex.map((part) => `  hex: ${part}`),
  ].join('\n');
}
