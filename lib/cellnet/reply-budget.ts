import type { StreamOptions } from './stream-options.js';

/** What bounds replies that are streams. */
export type ReplyLimits = Pick<
  Required<StreamOptions>,
  'maxReplies' | 'maxReplyBytes' | 'maxRepliesPerNeighbour' | 'maxReplyBytesPerNeighbour'
>;

interface Held {
  replies: number;
  bytes: number;
}

/** Counts the replies that are on their way as streams: who asks and acknowledges nothing would hold more and more. */
export class ReplyBudget {
  readonly #limits: ReplyLimits;
  readonly #all: Held = { replies: 0, bytes: 0 };
  readonly #neighbours = new Map<string, Held>();

  constructor(limits: ReplyLimits) {
    this.#limits = limits;
  }

  /** Whether one more may begin, if it holds little: asked before it is encoded. */
  hasRoomFor(neighbour: string): boolean {
    return this.#fits(neighbour, 1);
  }

  /** Begins a reply. @returns ends it, or nothing where those of the neighbour, or of all, are too many, or hold too much */
  begin(neighbour: string, bytes: number): (() => void) | undefined {
    if (!this.#fits(neighbour, bytes)) return undefined;
    const all = this.#all;
    const own = this.#heldFor(neighbour);
    this.#neighbours.set(neighbour, own);
    for (const held of [all, own]) {
      held.replies += 1;
      held.bytes += bytes;
    }
    return () => {
      for (const held of [all, own]) {
        held.replies -= 1;
        held.bytes -= bytes;
      }
      if (own.replies === 0) this.#neighbours.delete(neighbour);
    };
  }

  #fits(neighbour: string, bytes: number): boolean {
    const { maxReplies, maxReplyBytes, maxRepliesPerNeighbour, maxReplyBytesPerNeighbour } = this.#limits;
    return (
      hasRoom(this.#all, bytes, maxReplies, maxReplyBytes) &&
      hasRoom(this.#heldFor(neighbour), bytes, maxRepliesPerNeighbour, maxReplyBytesPerNeighbour)
    );
  }

  #heldFor(neighbour: string): Held {
    return this.#neighbours.get(neighbour) ?? { replies: 0, bytes: 0 };
  }
}

/** Whether one more fits. One alone always does. */
function hasRoom({ replies, bytes }: Held, more: number, maxReplies: number, maxBytes: number): boolean {
  return replies < maxReplies && (replies === 0 || bytes + more <= maxBytes);
}
