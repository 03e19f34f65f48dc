import { describe, expect, it } from 'vitest';

import { NIL_PAYLOAD } from '../../lib/wire/frame.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { frame, hello } from '../support/raw-peer.js';
import { HubProcess } from './hub-process.js';
import { LINES, type LineScheme } from './raw-line.js';

const MIB = 1024 ** 2;

/** More than the buffers of the system hold on both sides, many times over. */
const FLOOD_BYTES = 48 * MIB;

const batch = Array.from({ length: 4_000 }, () => frame(FrameType.PING, NIL_PAYLOAD));
const BATCH_BYTES = Buffer.concat(batch).length;

describe('a peer that sends PINGs and reads nothing', () => {
  it.each(Object.keys(LINES) as LineScheme[])(
    'is paused or closed before its PONGs pile up: %s',
    async (scheme) => {
      await using hub = await HubProcess.start({
        url: `${scheme}://127.0.0.1:0`,
      });
      using line = await LINES[scheme](hub.url);
      await line.send(hello());
      await hub.until(({ endpoints }) => endpoints.includes('raw'));
      line.deafen();
      const flood = async (): Promise<void> => {
        for (let sent = 0; sent < FLOOD_BYTES; sent += BATCH_BYTES) await line.send(...batch);
      };
      let isOver = false;
      void Promise.race([flood(), line.closed]).then(() => (isOver = true));
      const { heapBytes, externalBytes } = await hub.until(({ paused }) => isOver || paused === 1);
      expect(heapBytes + externalBytes - hub.first.heapBytes - hub.first.externalBytes).toBeLessThan(8 * MIB);
    },
  );
});
