import { concat, map, mergeMap, type Observable, of, switchMap, tap, timer } from 'rxjs';
import type { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { Cell, type Outcome } from '../../lib/cellnet/index.js';
import { maySpeakFor } from '../../lib/cellnet/next-hop.js';
import { encodeFobs } from '../../lib/fobs/index.js';
import type { HeaderValue, MessageHeaders } from '../../lib/message.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { marbles } from '../support/marbles.js';

/** A server with two sites, and `evil`, a neighbour that says what it likes. */
function setUp(scheduler: TestScheduler) {
  const network = new VirtualNetwork(scheduler);
  for (const site of ['site-1', 'site-2', 'evil']) network.join(site, 'server', 'j');
  const cell = (name: string) => new Cell(network.communicator(name), { requestTimeoutMs: 100, scheduler });
  const evil = network.communicator('evil');
  const forge = (headers: MessageHeaders, payload?: Uint8Array) =>
    evil.send('server', 1, { headers: { cn__destination: 'server', ...headers }, payload });
  return { hub: cell('server'), one: cell('site-1'), two: cell('site-2'), forge };
}

const at = <T>(frame: number, source$: Observable<T>) => timer(frame).pipe(switchMap(() => source$));

const chunk = (id: number, of: string) => ({
  cn__msg_type: 'req',
  cn__origin: of,
  cn__channel: 'sm__STREAM',
  cn__topic: 'sm__DATA',
  cn__payload_encoding: 'bytes',
  sm__id: id,
  sm__ch: 'c',
  sm__tp: 't',
  sm__sq: 0,
  sm__dt: 2,
  sm__sz: 0,
});

describe('a neighbour', () => {
  it.each([
    ['server', 'site-1', 'site-1', true, 'for itself'],
    ['server', 'site-1', 'site-1.job', true, 'for a cell below it'],
    ['server', 'site-1', 'site-10', false, 'for a cell whose name begins like its own'],
    ['server', 'site-1', 'site-2', false, 'for a cell beside it'],
    ['server', 'site-1.job', 'site-1', false, 'for a cell above it'],
    ['server', 'site-1', 'server', false, 'for us'],
    ['site-1', 'server', 'site-2.job', true, 'for all, where it is the server'],
    ['relay.site-1', 'relay', 'site-2', true, 'for all, where it is above us'],
    ['site-1', 'site-1.job', 'server', false, 'for the server, where it is below us'],
    ['site-1', 'site-2', 'server.job', false, 'for a job of the server, where it is beside us'],
  ])('of %s: %s %s: %s, %s', (self, neighbour, origin, may) => {
    expect(maySpeakFor(self, neighbour, origin)).toBe(may);
  });
});

describe('a neighbour that forges the origin', () => {
  it('brings no stream in the name of another, and takes no place of one', () => {
    marbles((scheduler, { flush }) => {
      const { hub, two, forge } = setUp(scheduler);
      const got: string[] = [];
      hub
        .streams('c', 't')
        .pipe(mergeMap(({ origin, bytes$ }) => bytes$.pipe(map(({ length }) => `${origin} ${length}`))))
        .subscribe((whole) => got.push(whole));
      timer(10).subscribe(() => {
        // IDs count up: those that are next, and one that a cell may have open.
        for (let id = 0; id < 20; id += 1) forge(chunk(id, 'site-2'), new Uint8Array(7));
      });
      at(20, two.sendStream('server', 'c', 't', new Uint8Array(3))).subscribe();
      flush();
      expect([got, hub.stats.forged]).toEqual([['site-2 3'], 20]);
    });
  });

  it('ends no stream of ours to another: by an origin, or as a cell that could not pass it on', () => {
    marbles((scheduler, { flush }) => {
      const { hub, two, forge } = setUp(scheduler);
      const ends: unknown[] = [];
      const ids: unknown[] = [];
      const incoming$ = two.streams('c', 't').pipe(tap(({ headers }) => ids.push(headers.sm__id)));
      incoming$.pipe(mergeMap(({ chunks$ }) => chunks$)).subscribe();
      const source$ = concat(of(new Uint8Array(2_000_000)), timer(50).pipe(map(() => new Uint8Array(1))));
      at(5, hub.sendStream('site-2', 'c', 't', source$)).subscribe({
        error: (error: unknown) => ends.push(error),
        complete: () => ends.push('whole'),
      });
      timer(20).subscribe(() => {
        const error = { cn__msg_type: 'req', cn__channel: 'sm__STREAM', cn__topic: 'sm__ERROR', sm__dt: 6 };
        for (const headers of [{ cn__origin: 'site-2' }, { cn__origin: 'evil', sm__fd: 'site-2' }]) {
          forge({ ...error, ...headers, sm__id: ids[0] as number, sm__em: 'forged' });
        }
      });
      flush();
      expect([ids.length, ends]).toEqual([1, ['whole']]);
    });
  });

  it('answers for no other that was asked with it, and sends back nothing of it', () => {
    marbles((scheduler, { flush }) => {
      const { hub, two, forge } = setUp(scheduler);
      two.handle('c', 't', () => 'true');
      const outcomes: Outcome[] = [];
      let id: HeaderValue | undefined;
      at(10, hub.broadcast(['evil', 'site-2'], 'c', 't')).subscribe((outcome) => outcomes.push(outcome));
      const reply = (headers: MessageHeaders) => forge({ cn__req_id: id, ...headers }, encodeFobs('false'));
      evilHears(two, (known) => {
        id = known;
        reply({ cn__msg_type: 'reply', cn__origin: 'site-2', cn__payload_encoding: 'fobs' });
        reply({
          cn__msg_type: 'return',
          cn__origin: 'evil',
          cn__return_code: 'comm_error',
          cn__original_headers: { cn__destination: 'site-2' },
        });
      });
      flush();
      const seen = outcomes.map(({ target, reply: got, error }) => [
        target,
        got?.payload ?? error?.returnCode,
      ]);
      expect(seen.toSorted()).toEqual([
        ['evil', 'timeout'],
        ['site-2', 'true'],
      ]);
      expect(hub.stats.forged).toBe(2);
    });
  });

  it('changes nothing of how another is spoken to', () => {
    marbles((scheduler, { flush }) => {
      const { hub, two, forge } = setUp(scheduler);
      hub.handle('c', 't', () => undefined);
      const heard: unknown[] = [];
      timer(10).subscribe(() => {
        const old = { cn__msg_type: 'req', cn__channel: 'c', cn__topic: 't', cn__payload_encoding: 'fobs' };
        forge({ ...old, cn__origin: 'site-2' }, encodeFobs('x', { dialect: '2.4' }));
      });
      two.communicator.messages(1).subscribe(({ message }) => heard.push([...(message.payload ?? [])]));
      timer(20).subscribe(() => hub.fire('site-2', 'c', 't', 'x'));
      flush();
      expect(heard).toEqual([[...encodeFobs('x')]]);
    });
  });
});

/** Whoever is asked along with others knows the ID of the request: here from what `site-2` gets. */
function evilHears(asked: Cell, heard: (id: HeaderValue | undefined) => void): void {
  asked.communicator.messages(1).subscribe(({ message }) => {
    if (message.headers?.cn__msg_type === 'req') heard(message.headers.cn__req_id);
  });
}
