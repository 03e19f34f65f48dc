import { firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { late, lazily } from '../../lib/drivers/lazily.js';

/** A module that counts how often it is asked for. */
function countedModule(failures = 0) {
  const asked = { times: 0 };
  const load = late(() => {
    asked.times += 1;
    return asked.times <= failures
      ? Promise.reject(new Error('no such chunk'))
      : Promise.resolve({ answer: 42 });
  });
  return { asked, answer: () => firstValueFrom(lazily(load, ({ answer }) => [answer])) };
}

describe('A module that is loaded late', () => {
  it('is asked of the loader once, however many use it', async () => {
    const { asked, answer } = countedModule();
    expect(asked.times).toBe(0);
    expect(await Promise.all([answer(), answer(), answer()])).toEqual([42, 42, 42]);
    expect(await answer()).toBe(42);
    expect(asked.times).toBe(1);
  });

  it('is asked for again where it could not be loaded', async () => {
    const { asked, answer } = countedModule(1);
    await expect(answer()).rejects.toThrow('no such chunk');
    expect(await answer()).toBe(42);
    expect(asked.times).toBe(2);
  });
});
