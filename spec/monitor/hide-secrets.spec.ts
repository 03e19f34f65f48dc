import { describe, expect, it } from 'vitest';

import { hideSecrets } from '../../lib/monitor/hide-secrets.js';

describe('hideSecrets', () => {
  it.each(['token', 'accessToken', 'PASSWORD', 'api_key', 'private-key', 'Authorization', 'set-cookie'])(
    'hides the value of %s, whatever it is',
    (key) => {
      for (const value of ['s', 7, ['s'], { s: 's' }, new Uint8Array(1), null]) {
        expect(hideSecrets({ [key]: value, site: 'munich' })).toEqual({ [key]: '…', site: 'munich' });
      }
    },
  );

  it('hides it in maps and lists too, and shows all else as it is', () => {
    const bytes = new Uint8Array([1, 2]);
    const given = { login: { user: 'ada', token: 's', keys: [{ api_key: 's', id: 1n }] }, bytes, none: null };
    expect(hideSecrets(given)).toEqual({
      login: { user: 'ada', token: '…', keys: [{ api_key: '…', id: 1n }] },
      bytes,
      none: null,
    });
    expect(given.login.token).toBe('s');
  });
});
