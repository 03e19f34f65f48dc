import { concat, from, lastValueFrom, of, throwError, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { narrateProbe } from '../../lib/cli/narrate-probe.js';
import { Endpoint } from '../../lib/index.js';
import type { ProbeEvent } from '../../lib/monitor/probe.js';
import { FakeConnection } from '../support/fake-connection.js';

const connection = new FakeConnection({
  local_addr: 'a:1',
  peer_addr: 'b:2',
  peer_cn: 'hub',
  tls: 'TLSv1.3',
});
const connected: ProbeEvent = { type: 'connected', connection, connectMs: 1 };
const ready: ProbeEvent = {
  type: 'ready',
  endpoint: new Endpoint('hub', { site: 'munich' }),
  handshakeMs: 2,
};
const pong = (rttMs: number): ProbeEvent => ({ type: 'pong', rttMs });

describe('narrateProbe', () => {
  it('tells the peer, each round trip, and at the end a summary', async () => {
    const event$ = from([connected, ready, pong(3), pong(9), pong(6)]);
    expect(await lastValueFrom(event$.pipe(narrateProbe, toArray()))).toEqual([
      {
        event: 'ready',
        name: 'hub',
        address: 'b:2',
        connectMs: 1,
        handshakeMs: 2,
        tls: 'TLSv1.3',
        peerCn: 'hub',
        properties: { site: 'munich' },
      },
      ...[3, 9, 6].map((rttMs) => ({ event: 'pong', rttMs })),
      { event: 'summary', sent: 3, minMs: 3, avgMs: 6, maxMs: 9 },
    ]);
  });

  it('tells no summary where no PONG has come', async () => {
    const told$ = from([connected, ready]).pipe(narrateProbe, toArray());
    expect((await lastValueFrom(told$)).map(({ event }) => event)).toEqual(['ready']);
  });

  it('tells no summary of a probe that fails', async () => {
    const told: string[] = [];
    const event$ = concat(
      of(connected, ready, pong(3)),
      throwError(() => new Error('gone')),
    );
    const end = await new Promise((resolve) => {
      narrateProbe(event$).subscribe({ next: ({ event }) => told.push(event), error: resolve });
    });
    expect([told, end]).toEqual([['ready', 'pong'], new Error('gone')]);
  });

  it('begins anew with each subscription', async () => {
    const output$ = narrateProbe(from([connected, ready, pong(1)]));
    await lastValueFrom(output$);
    expect(await lastValueFrom(output$)).toMatchObject({ event: 'summary', sent: 1 });
  });
});
