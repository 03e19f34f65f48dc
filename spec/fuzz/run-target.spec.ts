import { describe, expect, it } from 'vitest';

import { FuzzReport, renderFailure } from './report.js';
import { runStretch } from './run-target.js';
import { type FuzzTarget, insist } from './target.js';

/** Takes everything but an input whose first byte is 7. */
const sevenTarget: FuzzTarget = {
  name: 'seven',
  kind: 'pure',
  make: (dice) => ({ parts: [Uint8Array.of(dice.below(16)), Uint8Array.of(0xab)], variant: 'a way' }),
  open: () =>
    Promise.resolve({
      check: ({ parts }) => {
        insist(parts[0]?.[0] !== 7, 'it is 7', new RangeError('too odd'));
        return undefined;
      },
      close: () => Promise.resolve(),
    }),
};

async function run(seed: number, inputs: number) {
  return runStretch(sevenTarget, await sevenTarget.open(), { seed, goesOn: (count) => count < inputs });
}

describe('the fuzzer', () => {
  it('stops at an input that fails, and tells it with its bytes', async () => {
    const { inputs, failure } = await run(1, 1_000);
    expect(inputs).toBeLessThan(1_000);
    expect(failure).toEqual({
      target: 'seven',
      seed: inputs,
      variant: 'a way',
      hex: ['07', 'ab'],
      message: 'Finding: it is 7\n  caused by RangeError: too odd',
    });
  });

  it('finds it again at once from the seed that it told', async () => {
    const { failure } = await run(1, 1_000);
    const again = await run(failure?.seed ?? 0, 1);
    expect(again).toEqual({ inputs: 1, failure });
  });

  it('prints how to see a failure again', async () => {
    const { failure } = await run(1, 1_000);
    if (failure === undefined) throw new Error('expected a failure');
    const text = renderFailure(failure);
    expect(text).toContain(`--target seven --seed ${failure.seed}`);
    expect(text).toContain('hex: 07\n');
  });

  it('is good only while nothing fails and memory stays', () => {
    const report = new FuzzReport();
    const stretch = { type: 'stretch', target: 'a', inputs: 10, seconds: 2, failure: undefined } as const;
    report.add({ ...stretch, round: 0, rssBytes: 100 * 1024 ** 2 });
    report.add({ ...stretch, round: 1, rssBytes: 149 * 1024 ** 2 });
    expect([report.isGood, report.inputs]).toEqual([true, 20]);
    report.add({ ...stretch, round: 2, rssBytes: 151 * 1024 ** 2 });
    expect(report.isGood).toBe(false);
    expect(report.render()).toContain('growth after the first: 51.0 MiB');
  });
});
