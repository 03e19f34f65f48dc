import { filter, firstValueFrom, take, toArray } from 'rxjs';
import { afterEach, describe, expect, inject, it } from 'vitest';

import { Mode } from '../../lib/index.js';
import { communicator, startListening, stopAll, untilState } from '../support/communicators.js';
import { isEndpoint, NvflarePeer } from '../support/nvflare-peer.js';
import { NVFLARE_VERSIONS } from './set-up.js';

const cells = NVFLARE_VERSIONS.flatMap((version) =>
  ['tcp', 'http', 'grpc'].map((scheme) => ({ version, scheme })),
);

describe.skipIf(inject('interopObstacle') !== '')('a real NVFlare site that our hub refuses', () => {
  afterEach(stopAll);

  it.each(cells)(
    '$version $scheme: tries again, complains of nothing, and joins once it may',
    async (cell) => {
      let asked = 0;
      const hub = communicator('hub', {
        verifyEndpoint: () => (asked += 1) > 2 || { tellPeer: 'not yet' },
      });
      hub.addConnector(`${cell.scheme}://127.0.0.1:0`, Mode.PASSIVE);
      const refused = firstValueFrom(
        hub.lifecycle$.pipe(
          filter(({ type }) => type === 'refused'),
          take(2),
          toArray(),
        ),
      );
      const url = await startListening(hub);
      await using site = await NvflarePeer.start({ version: cell.version, name: 'site-1' });
      await site.connect(url);
      expect(await refused).toMatchObject([{ reason: 'not yet' }, { reason: 'not yet' }]);
      await Promise.all([untilState(hub, 'site-1'), site.next(isEndpoint('hub', 'READY'))]);
      expect(site.log).not.toMatch(/unsupported|Error processing/);
    },
  );
});
