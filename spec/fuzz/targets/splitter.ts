import { Subject } from 'rxjs';

import { CommError, CommErrorCode } from '../../../lib/comm-error.js';
import { MAX_FRAME_BYTES } from '../../../lib/wire/prefix.js';
import { splitFrames } from '../../../lib/wire/split-frames.js';
import { concatBytes } from '../../support/bytes.js';
import { frame } from '../corpus.js';
import { cutUp, mutate } from '../mutate.js';
import { referenceSplit } from '../reference/split.js';
import { type FuzzInput, type FuzzTarget, insist } from '../target.js';

/** The splitter under every chunking, against the plain one. The variant is the largest frame. */
export const splitterTarget: FuzzTarget = {
  name: 'splitter',
  kind: 'pure',
  make(dice) {
    const frames = Array.from({ length: 1 + dice.below(4) }, () => frame(1, dice.bytes(dice.below(40))));
    const stream = concatBytes(frames);
    const bytes = dice.chance(0.5) ? mutate(stream, dice) : stream;
    return { parts: cutUp(bytes, dice), variant: String(dice.pick([64, 256, 65_551, MAX_FRAME_BYTES])) };
  },
  open: () => Promise.resolve({ check, close: () => Promise.resolve() }),
};

function check({ parts, variant }: FuzzInput): undefined {
  const limit = Number(variant);
  const expected: Uint8Array[] = [];
  const end = referenceSplit(
    concatBytes(parts),
    () => limit,
    (frame) => expected.push(frame),
  );
  const { frames, failure } = split(parts, limit);
  insist(frames.length === expected.length, `expected ${expected.length} frames, got ${frames.length}`);
  for (const [index, frame] of frames.entries())
    insist(Buffer.compare(frame, expected[index] ?? frame) === 0, `frame ${index} has other bytes`);
  const code = end.isBroken ? CommErrorCode.BAD_DATA : end.restBytes > 0 ? CommErrorCode.CLOSED : undefined;
  insist(failure === undefined || failure instanceof CommError, 'expected a CommError', failure);
  insist(failure?.code === code, `expected ${code ?? 'no error'}, got ${failure?.code ?? 'none'}`, failure);
}

function split(chunks: readonly Uint8Array[], limit: number) {
  const source = new Subject<Uint8Array>();
  const frames: Uint8Array[] = [];
  let failure: unknown;
  source.pipe(splitFrames(() => limit)).subscribe({
    next: (frame) => frames.push(frame),
    error: (error: unknown) => (failure = error),
  });
  for (const chunk of chunks) source.next(chunk);
  source.complete();
  return { frames, failure };
}
