import { afterAll, afterEach, describe, expect, it } from 'vitest';

import { Endpoint, Mode } from '../../lib/index.js';
import { communicator, startListening, stopAll } from '../support/communicators.js';
import { CLEAR, type Scheme, SITUATIONS, type StartHub, VerdictTable } from '../support/verdicts.js';

const startHub: StartHub = (scheme, { name = 'hub', connProps = {}, verifyEndpoint } = {}) => {
  const hub = communicator(new Endpoint(name, {}, connProps), verifyEndpoint && { verifyEndpoint });
  hub.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE);
  return startListening(hub);
};

describe('ping of an rxflare hub says what is wrong', () => {
  const table = new VerdictTable();
  afterEach(stopAll);
  afterAll(() => table.print('rxflare hub'));

  describe.each(SITUATIONS)('$title: $expected', ({ title, expected, ping }) => {
    it.each(Object.keys(CLEAR) as Scheme[])('%s', async (scheme) => {
      const said = await ping(scheme, startHub);
      table.note(title, scheme, said);
      expect(said).toBe(expected);
    });
  });
});
