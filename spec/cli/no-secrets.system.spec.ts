import { afterEach, describe, expect, it, vi } from 'vitest';

import { freePort } from '../support/free-port.js';
import { RxflareProcess } from '../support/rxflare-process.js';

const SECRET = 's3cr3t-7f3a';
const QUERY = `?token=${SECRET}#${SECRET}`;
const PROPERTY = ['--property', `token=${SECRET}`];

afterEach(() => vi.unstubAllEnvs());

describe('a secret in a URL, a property or a header', () => {
  it.each([[[]], [['--json']]])(
    'is in no output of a command with %j, nor in its debug output',
    async (format) => {
      vi.stubEnv('DEBUG', 'rxflare:*');
      const url = `tcp://127.0.0.1:${await freePort()}`;
      const dead = `http://127.0.0.1:${await freePort()}`;
      const hub = new RxflareProcess('listen', `${url}${QUERY}`, '--echo', '--stats', ...PROPERTY, ...format);
      const run = (...args: string[]) => RxflareProcess.run(...args, ...format);
      const sent = ['--header', `authorization=${SECRET}`, '--wait', '20000', '--timeout', '20000'];
      const results = [
        await run('send', `${url}${QUERY}`, 'hello', ...PROPERTY, ...sent),
        await run('ping', `${url}${QUERY}`, '--count', '1', ...PROPERTY),
        await run('top', `${url}${QUERY}`, '--count', '1', ...PROPERTY),
        await run('connect', `${dead}${QUERY}`, '--timeout', '100', ...PROPERTY),
        await run('ping', `${dead}${QUERY}`, ...PROPERTY),
        await run('ping', `tcp://user:${SECRET}@127.0.0.1:1${QUERY}`),
        await hub.stop(),
      ];
      expect(results.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 3, 3, 2, 0]);
      const printed = results.map(({ stdout, stderr }) => stdout + stderr).join('\n');
      expect(printed).toContain('rxflare:connector');
      expect(printed).toContain('"token":"…"');
      expect(printed).toContain('"authorization":"…"');
      expect(printed).not.toContain(SECRET);
    },
  );
});
