import { filter, firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { CommErrorCode, textOf } from '../../lib/index.js';
import { NIL_PAYLOAD } from '../../lib/wire/frame.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { stopAll } from '../support/communicators.js';
import { frame, hello } from '../support/raw-peer.js';
import { LINES, type LineScheme } from './raw-line.js';
import { openStage } from './stage.js';

const SCHEMES = Object.keys(LINES) as LineScheme[];
const FLOOD_FRAMES = 20_000;
const text = (value: string) => new TextEncoder().encode(value);

/** Frames that a peer may send as often as it likes. */
const HARMLESS: Readonly<Record<string, Uint8Array>> = {
  PONG: frame(FrameType.PONG, NIL_PAYLOAD),
  FRAG: frame(FrameType.FRAG, text('part of something')),
  ACK: frame(FrameType.ACK),
  'DATA without a receiver': frame(FrameType.DATA, text('for nobody'), 99),
};

/** Frames that end a connection that is ready. */
const FORBIDDEN: Readonly<Record<string, Uint8Array>> = {
  'HELLO again': hello(),
  'HELLO under another name': hello({ endpoint_name: 'bystander' }),
  READY: frame(FrameType.READY),
  'type 0': frame(0),
  'type 8': frame(8),
  'type 255': frame(255),
  'headers longer than their frame': boastful(frame(FrameType.DATA, text('short'), 1)),
};

afterEach(stopAll);

describe.each(SCHEMES)('a peer on %s', (scheme) => {
  it.each(Object.entries(HARMLESS))(
    'that floods with %s delays itself alone, and what comes behind is there',
    async (_name, flood) => {
      const stage = await openStage(scheme);
      using line = await LINES[scheme](stage.url);
      await line.send(hello());
      const behind = firstValueFrom(
        stage.hub.messages(1).pipe(filter(({ endpoint }) => endpoint.name === 'raw')),
      );
      const batch = Array.from({ length: 1_000 }, () => flood);
      for (let sent = 0; sent < FLOOD_FRAMES; sent += batch.length) await line.send(...batch);
      await line.send(frame(FrameType.DATA, text('behind'), 1));
      expect(textOf((await behind).message)).toBe('behind');
      await stage.expectUndisturbed();
    },
  );

  it.each(Object.entries(FORBIDDEN))('that sends %s loses its own connection', async (_name, bytes) => {
    const stage = await openStage(scheme);
    const end = stage.nextEnd();
    using line = await LINES[scheme](stage.url);
    await line.send(hello(), frame(FrameType.PING, NIL_PAYLOAD), bytes);
    expect((await end).error).toMatchObject({ code: CommErrorCode.BAD_DATA });
    await line.closed;
    await stage.expectUndisturbed();
  });
});

/** The same bytes with a length of the headers that does not fit. */
function boastful(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(0xffff, 4);
  return copy;
}
