import { setImmediate } from 'node:timers/promises';

import { firstValueFrom, take, toArray } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { GrpcDriver } from '../../../lib/drivers/grpc/grpc-driver.js';
import { WINDOW_BYTES } from '../../../lib/drivers/grpc/http2.js';
import { parseUrl } from '../../../lib/transport/url.js';
import { encodedHead, pair, type Pair } from '../../contract/pair.js';

const FRAME_BYTES = 256 * 1024;
const FRAMES = 64;

let made: Pair;

afterEach(() => made.release());

describe('a paused gRPC connection', () => {
  it.each(['active', 'passive'] as const)(
    'holds back a fast %s sender: the window of HTTP/2 and one message are all that leaves',
    async (from) => {
      made = await pair({
        driver: new GrpcDriver(),
        listenParams: () => Promise.resolve(parseUrl('grpc://127.0.0.1:0')),
        connectParams: parseUrl,
      });
      const [sender, receiver] =
        from === 'active' ? [made.active, made.passive] : [made.passive, made.active];
      receiver.maxFrameBytes = 2 * FRAME_BYTES;
      const received = firstValueFrom(receiver.frames$.pipe(take(FRAMES), toArray()));
      receiver.pause();
      const answers: boolean[] = [];
      for (let number = 0; number < FRAMES; number += 1) {
        answers.push(sender.send(encodedHead(number, FRAME_BYTES), new Uint8Array(FRAME_BYTES)));
      }
      expect(answers[0]).toBe(true);
      expect(answers.at(-1)).toBe(false);
      // The other way is open, and each round gives the sender the time to push on.
      for (let round = 0; round < 50; round += 1) {
        const echo = firstValueFrom(sender.frames$);
        receiver.send(encodedHead(round, 0));
        await echo;
        await setImmediate();
      }
      const left = FRAMES * FRAME_BYTES - sender.bufferedBytes;
      expect(left).toBeLessThanOrEqual(WINDOW_BYTES + 2 * FRAME_BYTES);
      receiver.resume();
      expect((await received).length).toBe(FRAMES);
    },
  );
});
