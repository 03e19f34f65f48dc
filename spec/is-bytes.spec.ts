import { runInNewContext } from 'node:vm';

import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { isBytes } from '../lib/is-bytes.js';
import { VirtualNetwork } from '../lib/testing/index.js';

/** Bytes of another realm. */
const foreign = (code = 'Uint8Array.of(1, 2, 3)'): unknown => runInNewContext(code);

describe('isBytes', () => {
  it.each([Uint8Array.of(1), Buffer.of(1), foreign(), foreign('new (class Own extends Uint8Array {})(2)')])(
    'is true of %o',
    (value) => {
      expect(isBytes(value)).toBe(true);
    },
  );

  it.each([
    undefined,
    null,
    'text',
    [1],
    new ArrayBuffer(1),
    new DataView(new ArrayBuffer(1)),
    Uint16Array.of(1),
    foreign('Uint16Array.of(1)'),
    foreign('[1]'),
    { [Symbol.toStringTag]: 'Uint8Array' },
  ])('is false of %o', (value) => {
    expect(isBytes(value)).toBe(false);
  });
});

describe('bytes of another realm', () => {
  it('are sent and received, in payloads and in headers', () => {
    const bytes = foreign();
    if (bytes instanceof Uint8Array || !isBytes(bytes)) throw new Error('they are of this realm');
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
    const received: unknown[] = [];
    scheduler.run(({ flush }) => {
      const network = new VirtualNetwork(scheduler);
      const [hub, site] = [network.communicator('hub'), network.communicator('site-1')];
      network.join('site-1', 'hub', 'j');
      hub.messages(70).subscribe(({ message: { headers, payload } }) => {
        received.push(Array.from(payload ?? []), headers);
      });
      site.ready('hub').subscribe(() => site.send('hub', 70, { headers: { a: [bytes] }, payload: bytes }));
      flush();
    });
    expect(received).toEqual([[1, 2, 3], { a: [Uint8Array.of(1, 2, 3)] }]);
  });
});
