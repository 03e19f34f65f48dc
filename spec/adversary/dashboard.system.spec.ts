import { once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';

import { firstValueFrom, Subject } from 'rxjs';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { type Dashboard, serveDashboard } from '../../lib/cli/dashboard.js';
import { type Communicator, type LifecycleEvent, Mode, textMessage } from '../../lib/index.js';
import { sendThrough, serveStats, watchStats } from '../../lib/monitor/index.js';
import { BUILD_TIMEOUT_MS, preparePage } from '../dashboard/prepare-page.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';

const UPGRADE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

/** Another user of this machine: reaches the port, sees no output of the hub, and may say anything. */
describe('the dashboard, to a user who has no link', { timeout: 60_000 }, () => {
  let hub: Communicator;
  let dashboard: Dashboard;
  let url: URL;

  beforeAll(() => preparePage(), BUILD_TIMEOUT_MS);

  beforeEach(async () => {
    hub = communicator('hub');
    dashboard = await serveDashboard(hub, 0, 100);
    serveStats(hub, { allow: dashboard.isPage });
    await hub.start();
    url = new URL(dashboard.newLink());
  });

  afterEach(async () => {
    dashboard.close();
    await stopAll();
  });

  async function ask(
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body?: string,
  ): Promise<Answer> {
    const method = body === undefined ? 'GET' : 'POST';
    const sent = request({ host: '127.0.0.1', port: url.port, path, method, headers, agent: false });
    sent.end(body);
    const answered = new Subject<Answer>();
    const answer = firstValueFrom(answered);
    sent.on('upgrade', (_response, socket) => {
      socket.destroy();
      answered.next({ status: 101, text: '', headers: {} });
    });
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      void once(response, 'end').then(() =>
        answered.next({ status: response.statusCode ?? 0, text, headers: response.headers }),
      );
    });
    return answer;
  }

  const redeem = (link: string, headers = {}) => ask('/session', headers, link);
  const linkOf = (text: string) => new URL(text).hash.slice(1);

  /** A program that joins by a URL, and what it can do there. */
  async function intruder(at: string): Promise<Communicator> {
    const program = communicator(`intruder-${Math.random().toString(36).slice(2)}`);
    program.addConnector(at, Mode.ACTIVE);
    await program.start();
    return program;
  }

  it.each([
    '/f3',
    '/',
    '//f3',
    '/x/f3',
    `/${'A'.repeat(32)}/f3`,
    '/%00/f3',
    '/session/f3',
    '/f3/f3',
    '/f3?session=',
  ])('opens no WebSocket at %s', async (path) => {
    expect((await ask(path, UPGRADE)).status).toBe(403);
    expect(hub.stats()).toMatchObject({ endpoints: [], connections: [] });
  });

  it('opens no WebSocket for a link, which is no session', async () => {
    expect((await ask(`/${linkOf(url.href)}/f3`, UPGRADE)).status).toBe(403);
    expect((await redeem(linkOf(url.href))).status).toBe(200);
  });

  it('lets no program join, so it can neither see nor send', async () => {
    const retried = new Subject<LifecycleEvent>();
    const program = communicator('intruder');
    program.addConnector(`http://127.0.0.1:${url.port}`, Mode.ACTIVE);
    program.lifecycle$.subscribe(retried);
    const first = firstValueFrom(retried);
    await program.start();
    expect(await first).toMatchObject({ type: 'retrying' });
    expect(program.stats().endpoints).toEqual([]);
  });

  it('lets in who has a link, once, and with what it was given', async () => {
    const { status, text: session, headers } = await redeem(linkOf(url.href));
    expect(status).toBe(200);
    expect(headers['cache-control']).toBe('no-store');
    expect((await redeem(linkOf(url.href))).status).toBe(403);
    expect((await ask('/session', { Authorization: `Bearer ${session}` })).status).toBe(204);
    const page = await intruder(`http://127.0.0.1:${url.port}/${session}/f3`);
    await untilState(page, 'hub');
    const report = await firstValueFrom(watchStats(page, 'hub', 1_000));
    expect(report.stats.name).toBe('hub');
    await expect(firstValueFrom(sendThrough(page, 'hub', 'nobody', 100, textMessage('x')))).rejects.toThrow(
      'nobody',
    );
    const told = JSON.stringify(report);
    for (const secret of [session, linkOf(url.href)]) expect(told).not.toContain(secret);
  });

  it.each([
    ['no session', ''],
    ['a made-up one', `Bearer ${'A'.repeat(32)}`],
    ['one that is too long', `Bearer ${'A'.repeat(10_000)}`],
  ])('says nothing to %s', async (_, authorization) => {
    expect(await ask('/session', { Authorization: authorization })).toMatchObject({ status: 401, text: '' });
  });

  it.each(['', 'A'.repeat(32), 'A'.repeat(100_000), '\u0000'])(
    'gives no session for a wrong link',
    async (link) => {
      expect(await redeem(link)).toMatchObject({ status: 403, text: '' });
    },
  );

  it('answers no other host, and no page of another origin, so no name can be made to point here', async () => {
    const foreign = { Host: `evil.example:${url.port}` };
    const origin = { Origin: 'http://evil.example' };
    const link = linkOf(url.href);
    for (const headers of [foreign, origin, { Host: '127.0.0.1:1' }, { Origin: `https://${url.host}` }]) {
      expect((await ask('/', headers)).status).toBe(421);
      expect((await redeem(link, headers)).status).toBe(421);
    }
    const { text: session } = await redeem(link, { Origin: url.origin });
    for (const headers of [foreign, origin])
      expect((await ask(`/${session}/f3`, { ...UPGRADE, ...headers })).status).toBe(403);
    expect((await ask(`/${session}/f3`, { ...UPGRADE, Origin: url.origin })).status).toBe(101);
  });

  it('keeps few links: old ones die when many are made', async () => {
    const links = Array.from({ length: 6 }, () => linkOf(dashboard.newLink()));
    const statuses: number[] = [];
    for (const link of links) statuses.push((await redeem(link)).status);
    expect(statuses).toEqual([403, 403, 200, 200, 200, 200]);
  });
});
