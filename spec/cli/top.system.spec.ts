import { filter, firstValueFrom, takeWhile, toArray } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { Endpoint, Mode, textMessage, textOf } from '../../lib/index.js';
import { MonitorAppIds, serveStats } from '../../lib/monitor/index.js';
import { testCertificates } from '../support/certificates.js';
import { communicator, startListening, stopAll } from '../support/communicators.js';
import { freePort } from '../support/free-port.js';
import { RxflareProcess } from '../support/rxflare-process.js';

afterEach(stopAll);

const run = (...args: readonly string[]) => RxflareProcess.run('top', ...args);

async function listeningHub(scheme = 'tcp', connProps: Record<string, string> = {}) {
  const hub = communicator(new Endpoint('hub', {}, connProps));
  hub.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE);
  return { hub, url: await startListening(hub) };
}

describe('rxflare top', () => {
  it('tells what a hub is doing, line by line where there is no screen', async () => {
    const { hub, url } = await listeningHub();
    serveStats(hub);
    const { exitCode, stdout, stderr } = await run(
      url,
      '--count',
      '2',
      '--period',
      '100',
      '--name',
      'watcher',
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/ watcher READY \(127\.0\.0\.1:\d+\)\n/);
    expect(stdout.match(/ hub: 0 of 0 endpoints ready, received \d/g)).toHaveLength(2);
    expect(stdout).not.toContain('\x1b');
  });

  it('joins once, as a watcher', async () => {
    const { hub, url } = await listeningHub();
    serveStats(hub);
    const happened = firstValueFrom(
      hub.lifecycle$.pipe(
        filter(({ type }) => type !== 'listening'),
        takeWhile(({ type }) => type !== 'disconnected', true),
        toArray(),
      ),
    );
    expect(await run(url, '--count', '1', '--name', 'watcher')).toMatchObject({ exitCode: 0, stderr: '' });
    const types = (await happened).map(({ type }) => type);
    expect(types.filter((type) => type === 'connected' || type === 'disconnected')).toEqual([
      'connected',
      'disconnected',
    ]);
    expect(hub.stats().endpoints).toMatchObject([{ name: 'watcher', isWatcher: true }]);
  });

  it('gives whole reports as JSON', async () => {
    const { hub, url } = await listeningHub();
    serveStats(hub);
    const { stdout } = await run(url, '--count', '1', '--json', '--name', 'watcher');
    const reports = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string })
      .filter(({ event }) => event === 'stats');
    expect(reports).toMatchObject([
      { stats: { name: 'hub', endpoints: [{ name: 'watcher' }] }, missedEvents: 0 },
    ]);
  });

  it('goes on when the hub comes back, until it is asked to end', async () => {
    const { hub, url } = await listeningHub();
    serveStats(hub);
    await using top = new RxflareProcess('top', url, '--period', '100', '--json');
    const first = await top.next(({ event }) => event === 'stats');
    await hub.stop();
    await top.next(({ event, state }) => event === 'endpoint' && state === 'DISCONNECTED');
    const again = communicator('hub');
    serveStats(again);
    again.addConnector(url, Mode.PASSIVE);
    await again.start();
    const restart = Date.now();
    await top.next(({ event, stats }) => event === 'stats' && (stats as { at: number }).at >= restart);
    expect(first).toMatchObject({ stats: { name: 'hub' } });
    expect((await top.stop()).exitCode).toBe(0);
  });

  it('watches over mtls', async () => {
    const { ca, hub: pair, site1 } = await testCertificates();
    const { hub, url } = await listeningHub('stcp', {
      ca_cert: ca,
      server_cert: pair.cert,
      server_key: pair.key,
    });
    serveStats(hub);
    const own = ['--ca-cert', ca, '--cert', site1.cert, '--key', site1.key];
    const { exitCode, stdout } = await run(url, '--count', '1', '--json', ...own);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/"endpointName":"site-1\.top-[0-9a-f]{8}"/);
  });

  it('says what to do where the hub does not serve its stats', async () => {
    const { url } = await listeningHub();
    const { exitCode, stderr } = await run(url, '--timeout', '2000');
    expect(exitCode).toBe(7);
    expect(stderr).toContain('start it with "rxflare listen --stats"');
  });

  it.each([
    ['an endpoint that is null', '{"name":"hub","at":1,"endpoints":[null],"connections":[]}'],
    ['thousands of brackets', '['.repeat(10_000)],
  ])('ends with one line where a report of the hub has %s', async (_, stats) => {
    const { hub, url } = await listeningHub();
    hub.registerMessageReceiver(MonitorAppIds.STATS, ({ endpoint, message }) => {
      const { id } = JSON.parse(textOf(message)) as { id: number };
      const report = `{"type":"report","id":${id},"events":[],"missedEvents":0,"stats":${stats}}`;
      hub.send(endpoint, MonitorAppIds.STATS, textMessage(report));
    });
    const { exitCode, stderr } = await run(url);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^rxflare: \[BAD_DATA\] hub: .*\n$/);
  });

  it('diagnoses a hub that cannot be reached, as ping does', async () => {
    const { exitCode, stdout } = await run(`tcp://127.0.0.1:${await freePort()}`, '--json');
    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ event: 'error', diagnosis: 'refused' });
  });

  it('watches rxflare listen --stats', async () => {
    await using hub = new RxflareProcess('listen', 'tcp://127.0.0.1:0', '--stats', '--json');
    const { url } = await hub.next(({ event }) => event === 'listening');
    expect((await run(String(url), '--count', '1')).stdout).toContain(' hub: 0 of 0 endpoints ready');
  });
});
