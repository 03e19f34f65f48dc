import { merge, mergeMap, switchMap, timer } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { Cell } from '../../lib/cellnet/index.js';
import type { MessageHeaders } from '../../lib/message.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';

describe('what a cell presents', () => {
  it('is on all that it sends: requests, replies, chunks and acknowledgements, and on nothing that it passes on', () => {
    const seen: Record<string, string[]> = { 'site-1': [], 'site-1.job': [] };
    marbles((scheduler) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'server', 'j');
      network.join('site-1.job', 'site-1', 'j');
      const server = network.communicator('server');
      const hub = new Cell(server, { scheduler });
      const site = new Cell(network.communicator('site-1'), { scheduler });
      const job = new Cell(network.communicator('site-1.job'), { scheduler });
      server.messages(1).subscribe(({ message: { headers = {} } }) => {
        seen[headers.cn__origin as string]?.push(kindOf(headers));
      });
      site.present({ token: 'old' });
      site.present({ token: 't' });
      site.handle('app', 'ask', () => 'yes');
      hub.handle('app', 'ask', () => 'yes');
      site
        .streams('app', 'in')
        .pipe(mergeMap(({ bytes$ }) => bytes$))
        .subscribe();
      hub
        .streams('app', 'out')
        .pipe(mergeMap(({ bytes$ }) => bytes$))
        .subscribe();
      const asked$ = merge(
        site.request('server', 'app', 'ask'),
        hub.request('site-1', 'app', 'ask'),
        site.sendStream('server', 'app', 'out', new Uint8Array(1)),
        hub.sendStream('site-1', 'app', 'in', new Uint8Array(1)),
        job.request('server', 'app', 'ask'),
      );
      timer(10)
        .pipe(switchMap(() => asked$))
        .subscribe();
    });
    expect(new Set(seen['site-1'])).toEqual(
      new Set(['req ask t', 'reply ask t', 'req sm__DATA t', 'req sm__ACK t']),
    );
    expect(seen['site-1.job']).toEqual(['req ask']);
  });
});

function kindOf({ cn__msg_type: type, cn__topic: topic, token }: MessageHeaders): string {
  return [type, topic, token].filter((each) => typeof each === 'string').join(' ');
}
