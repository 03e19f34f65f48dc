import { CellError } from './cell-error.js';
import type { ReferenceOptions } from './reference-options.js';
import { ReturnCode } from './return-code.js';

/** What bounds pulls. */
export type PullLimits = Pick<
  Required<ReferenceOptions>,
  'maxPulls' | 'maxPullsPerNeighbour' | 'maxPulledBytes' | 'maxPulledBytesPerNeighbour'
>;

/** What one pull holds. */
export interface Held {
  /** Counts more bytes. @throws CellError `service_unavailable` where all pulls hold too much */
  add(bytes: number): void;
  /** Counts as many bytes no more. */
  drop(bytes: number): void;
  /** All has come: it is no pull any more, and holds what it has. */
  end(): void;
  /** Holds nothing any more. */
  release(): void;
}

/** What is counted. */
interface Count {
  pulls: number;
  bytes: number;
}

/** Counts what all pulls hold, and what those hold that the messages of one neighbour ask for, with their handlers. */
export class PullBudget {
  readonly #limits: PullLimits;
  readonly #all: Count = { pulls: 0, bytes: 0 };
  readonly #neighbours = new Map<string, Count>();

  constructor(limits: PullLimits) {
    this.#limits = limits;
  }

  /** How many go on. */
  get pulls(): number {
    return this.#all.pulls;
  }

  /** How many bytes they hold. */
  get bytes(): number {
    return this.#all.bytes;
  }

  /**
   * Begins a pull.
   *
   * @param neighbour - who asks for it by a message; `undefined` where the program does
   * @throws CellError `service_unavailable` where too many go on
   */
  begin(neighbour?: string): Held {
    const { maxPulls, maxPullsPerNeighbour, maxPulledBytes, maxPulledBytesPerNeighbour } = this.#limits;
    const share = neighbour === undefined ? undefined : this.#shareOf(neighbour);
    if (this.#all.pulls >= maxPulls) throw refused(`${maxPulls} pulls go on already (maxPulls)`);
    if (share !== undefined && share.pulls >= maxPullsPerNeighbour)
      throw refused(`${maxPullsPerNeighbour} pulls for one neighbour go on already (maxPullsPerNeighbour)`);
    const counts = share === undefined ? [this.#all] : [this.#all, share];
    for (const each of counts) each.pulls += 1;
    if (neighbour !== undefined && share !== undefined) this.#neighbours.set(neighbour, share);
    let own = 0;
    let isPulling = true;
    const end = (): void => {
      if (isPulling) for (const each of counts) each.pulls -= 1;
      isPulling = false;
    };
    const count = (bytes: number): void => {
      own += bytes;
      for (const each of counts) each.bytes += bytes;
    };
    return {
      add: (bytes) => {
        if (!(bytes >= 0 && this.#all.bytes + bytes <= maxPulledBytes))
          throw refused(`all pulls hold more than ${maxPulledBytes} bytes (maxPulledBytes)`);
        if (share !== undefined && share.bytes + bytes > maxPulledBytesPerNeighbour)
          throw refused(
            `pulls for one neighbour hold more than ${maxPulledBytesPerNeighbour} bytes (maxPulledBytesPerNeighbour)`,
          );
        count(bytes);
      },
      drop: (bytes) => count(-bytes),
      end,
      release: () => {
        end();
        count(-own);
        if (neighbour !== undefined && share?.pulls === 0 && share.bytes === 0)
          this.#neighbours.delete(neighbour);
      },
    };
  }

  #shareOf(neighbour: string): Count {
    return this.#neighbours.get(neighbour) ?? { pulls: 0, bytes: 0 };
  }
}

function refused(text: string): CellError {
  return new CellError(ReturnCode.SERVICE_UNAVAILABLE, text);
}
