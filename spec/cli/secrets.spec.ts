import { describe, expect, it } from 'vitest';

import { Secrets } from '../../lib/cli/secrets.js';

describe('secrets', () => {
  it('are long, differ, and are good in a URL as they are', () => {
    const secrets = new Secrets(4, 1_000);
    const [one, other] = [secrets.issue(), secrets.issue()];
    expect(one).toMatch(/^[\w-]{32}$/);
    expect(other).not.toBe(one);
  });

  it('can be spent once', () => {
    const secrets = new Secrets(4, 1_000);
    const secret = secrets.issue();
    expect(secrets.redeem(`${secret}x`)).toBe(false);
    expect(secrets.redeem('')).toBe(false);
    expect(secrets.redeem(secret)).toBe(true);
    expect(secrets.redeem(secret)).toBe(false);
    expect(secrets.touch(secret)).toBe(false);
  });

  it('expire, unless they are used', () => {
    let now = 0;
    const secrets = new Secrets(4, 1_000, () => now);
    const [used, idle] = [secrets.issue(), secrets.issue()];
    now = 999;
    expect(secrets.touch(used)).toBe(true);
    now = 1_000;
    expect(secrets.redeem(idle)).toBe(false);
    now = 1_998;
    expect(secrets.touch(used)).toBe(true);
    now = 2_998;
    expect(secrets.touch(used)).toBe(false);
  });

  it('are few: one more evicts the oldest', () => {
    const secrets = new Secrets(2, 1_000);
    const [first, second, third] = [secrets.issue(), secrets.issue(), secrets.issue()];
    expect([first, second, third].map((secret) => secrets.touch(secret))).toEqual([false, true, true]);
  });
});
