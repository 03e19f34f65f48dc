import { map } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { Cell, type CellError, type OpenRequest } from '../../lib/cellnet/index.js';
import { Endpoint, Mode } from '../../lib/index.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';

afterEach(stopAll);

const until = (isTrue: () => boolean) => vi.waitUntil(isTrue, 30_000);

const COUNT = 40;
const payload = new Uint8Array(1_000);

/** A site that gets 40 requests of 1,000 bytes, of which 10,000 bytes may be pending. */
async function setUp(name: string) {
  const url = `inproc://${name}`;
  const hub = communicator(new Endpoint('server'));
  hub.addConnector(url, Mode.PASSIVE);
  const site = communicator(new Endpoint('site-1'), { maxPendingBytes: 10_000 });
  site.addConnector(url, Mode.ACTIVE);
  await Promise.all([hub.start(), site.start()]);
  await untilState(hub, 'site-1');
  const server = new Cell(hub);
  const cell = new Cell(site);
  const open: OpenRequest[] = [];
  const subscription = cell.requests('c', 't').subscribe((request) => open.push(request));
  const isPaused = () => site.stats().connections.some(({ isPaused }) => isPaused);
  return { server, cell, open, subscription, isPaused };
}

/** Asks 40 times, and waits until the site reads no more. @returns the codes and values of the replies */
async function ask({ server, isPaused }: { server: Cell; isPaused: () => boolean }): Promise<unknown[]> {
  const got: unknown[] = [];
  for (let count = 0; count < COUNT; count += 1) {
    const reply$ = server.request('site-1', 'c', 't', payload).pipe(map((reply) => reply.payload));
    reply$.subscribe({
      next: (value) => got.push(value),
      error: (error: unknown) => got.push((error as CellError).returnCode),
    });
  }
  await until(isPaused);
  return got;
}

describe('a stream of requests', () => {
  it('has no more that wait than may be pending, and goes on when they are answered', async () => {
    const made = await setUp('answered');
    const got = await ask(made);
    expect(made.open.length).toBeLessThan(COUNT / 2);
    for (let count = 0; count < COUNT; count += 1) {
      await until(() => made.open.length > count);
      if (count % 2 === 0) made.open[count]?.reply(count);
      else made.open[count]?.fail();
    }
    await until(() => got.length === COUNT);
    expect(got).toEqual(
      Array.from({ length: COUNT }, (_, count) => (count % 2 === 0 ? count : 'process_exception')),
    );
  });

  it('holds nothing once it is unsubscribed, and answers none by that', async () => {
    const made = await setUp('unsubscribed');
    const got = await ask(made);
    made.subscription.unsubscribe();
    await until(() => made.open.length + got.length === COUNT);
    expect([made.isPaused(), new Set(got)]).toEqual([false, new Set(['process_exception'])]);
    for (const request of made.open) request.reply('late, but in time');
    await until(() => got.length === COUNT);
    expect(got.at(-1)).toBe('late, but in time');
  });

  it('does not wait for an answer to what expects none', async () => {
    const { server, open } = await setUp('fired');
    for (let count = 0; count < COUNT; count += 1) server.fire('site-1', 'c', 't', payload);
    await until(() => open.length === COUNT);
    expect(open.every(({ replyExpected }) => !replyExpected)).toBe(true);
  });
});
