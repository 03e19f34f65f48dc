import { describe, expect, it } from 'vitest';

import { runStretch } from './run-target.js';
import { TARGETS } from './targets/index.js';

/** The short form of `npm run fuzz`: few inputs, and the same ones each time. */
const INPUTS = 3_000;

describe('hostile bytes do no harm to', () => {
  it.each(TARGETS.filter(({ kind }) => kind === 'pure'))('$name', async (target) => {
    const lab = await target.open();
    const result = await runStretch(target, lab, { seed: 1, goesOn: (inputs) => inputs < INPUTS });
    await lab.close();
    expect(result).toEqual({ inputs: INPUTS, failure: undefined });
  });
});
