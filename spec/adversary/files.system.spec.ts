import { describe, expect, it } from 'vitest';

import { hello, RawPeer } from '../support/raw-peer.js';
import { HubProcess } from './hub-process.js';

/** The files that the hub may have open, and the strangers that come. */
const [MAX_FILES, STRANGERS] = [100, 300];

describe('a hub that may open no more files', () => {
  it.each(['tcp', 'http', 'grpc'])(
    'keeps who is there, goes on listening, and takes sites again: %s',
    async (scheme) => {
      await using hub = await HubProcess.start(
        {
          url: 'tcp://127.0.0.1:0',
          also: `${scheme}://127.0.0.1:0`,
          options: { handshakeTimeoutMs: 60_000 },
        },
        MAX_FILES,
      );
      using good = await RawPeer.connect(hub.url);
      good.send(hello({ endpoint_name: 'good' }));
      await hub.until(({ endpoints }) => endpoints.includes('good'));
      const target = hub.first.urls.at(-1) ?? hub.url;
      const strangers = await Promise.all(Array.from({ length: STRANGERS }, () => RawPeer.connect(target)));
      // Those that there is no room for are closed by the system, as many as come.
      await Promise.race(strangers.map((stranger) => stranger.closed()));
      for (const stranger of strangers) stranger[Symbol.dispose]();
      await hub.until(({ connections }) => connections === 1);
      using next = await RawPeer.connect(hub.url);
      next.send(hello({ endpoint_name: 'next' }));
      const { endpoints, listens } = await hub.until((report) => report.endpoints.includes('next'));
      expect(endpoints).toEqual(['good', 'next']);
      expect(listens).toBe(hub.first.listens);
    },
  );
});
