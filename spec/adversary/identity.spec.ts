import { describe, expect, it } from 'vitest';

import { endpointNameFault } from '../../lib/endpoint.js';
import { resolveIdentity } from '../../lib/sfm/identity.js';

/** As long as a handshake of 64 KiB has room for. */
const NAMES: Readonly<Record<string, string>> = {
  'of many short parts': Array.from({ length: 14_000 }, (_, n) => n.toString(36)).join('.'),
  'of attached trainers': `a.${Array.from({ length: 3_500 }, (_, n) => `-client_api_${n.toString(36)}`).join('.')}`,
};

/** An identity map that counts how many characters of names it was asked about, and gives up where they are many. */
function countingMap(limit: number): {
  prefix: Record<string, string>;
  characters: () => number;
} {
  let characters = 0;
  const prefix = new Proxy<Record<string, string>>(
    { other: 'other' },
    {
      getOwnPropertyDescriptor(target, name) {
        characters += String(name).length;
        if (characters > limit) throw new RangeError('too much work');
        return Reflect.getOwnPropertyDescriptor(target, name);
      },
    },
  );
  return { prefix, characters: () => characters };
}

describe('the certificate that a name needs', () => {
  // Either such a name is refused, or it takes no more work than its length can bear.
  it.each(Object.entries(NAMES))(
    'is found without work that grows by the square: a name %s',
    (_what, name) => {
      if (endpointNameFault(name) !== undefined) return;
      const { prefix, characters } = countingMap(100 * name.length);
      expect(() => resolveIdentity(name, 'hub', { prefix })).not.toThrow();
      expect(characters()).toBeLessThan(100 * name.length);
    },
  );

  it('is still found for names as long as real ones', () => {
    const name = `site-1.${Array.from({ length: 30 }, (_, n) => `job-${n}`).join('.')}`;
    expect(endpointNameFault(name)).toBeUndefined();
    expect(resolveIdentity(name, 'hub', {})).toBe('site-1');
  });
});
