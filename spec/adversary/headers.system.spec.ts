import { describe, expect, it } from 'vitest';

import { DEFAULTS } from '../../lib/index.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { frame, hello, RawPeer } from '../support/raw-peer.js';
import { HubProcess } from './hub-process.js';
import { App } from './hub-program.js';

/** `{ a: [{}, {}, ...] }`: 65,000 maps in as many bytes. */
const MAPS = 65_000;
const headers = Buffer.concat([
  Buffer.from([0x81, 0xa1, 0x61, 0xdc, MAPS >> 8, MAPS & 0xff]),
  Buffer.alloc(MAPS, 0x80),
]);
const message = Buffer.from(frame(FrameType.DATA, headers, App.HOARD));
message.writeUInt16BE(headers.length, 4);

describe('messages whose headers are larger in memory than on the wire', () => {
  it('are paused, or refused, before they hold many times `maxPendingBytes`', async () => {
    await using hub = await HubProcess.start({ url: 'tcp://127.0.0.1:0' });
    using peer = await RawPeer.connect(hub.url);
    peer.send(hello());
    for (let n = 0; n < 300; n += 1) peer.send(message);
    let isClosed = false;
    void peer.closed().then(() => (isClosed = true));
    const { heapBytes } = await hub.until(({ paused }) => isClosed || paused === 1);
    expect(heapBytes - hub.first.heapBytes).toBeLessThan(4 * DEFAULTS.maxPendingBytes);
  });
});
