import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';

import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';

import { exitCodeOf } from '../../lib/cli/exit-code.js';
import { Endpoint, Mode } from '../../lib/index.js';
import type { Diagnosis } from '../../lib/monitor/diagnosis.js';
import { testCertificates } from '../support/certificates.js';
import { communicator, startListening, stopAll } from '../support/communicators.js';
import { freePort } from '../support/free-port.js';
import { RxflareProcess } from '../support/rxflare-process.js';

const run = (...args: readonly string[]) => RxflareProcess.run(...args);

describe('rxflare listen and connect', () => {
  it('carry lines from standard input to a hub that sends them back', async () => {
    await using hub = new RxflareProcess('listen', 'tcp://127.0.0.1:0', '--name', 'hub', '--echo', '--json');
    const { url } = await hub.next(({ event }) => event === 'listening');
    await using site = new RxflareProcess('connect', String(url), '--name', 'site-1', '--json');
    await hub.next(
      ({ event, name, state }) => event === 'endpoint' && name === 'site-1' && state === 'READY',
    );
    site.write('grüße');
    expect(await hub.next(({ event }) => event === 'message')).toMatchObject({
      from: 'site-1',
      app: 100,
      bytes: 7,
      text: 'grüße',
    });
    expect(await site.next(({ event }) => event === 'message')).toMatchObject({ from: 'hub', text: 'grüße' });
    site.endInput();
    expect(await site.ended()).toMatchObject({ exitCode: 0, stderr: '' });
    await hub.next(
      ({ event, name, state }) => event === 'endpoint' && name === 'site-1' && state === 'DISCONNECTED',
    );
    expect(await hub.stop()).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'end in good order on %s, and tell it to the other side',
    async (signal) => {
      await using hub = new RxflareProcess('listen', 'tcp://127.0.0.1:0', '--json');
      const { url } = await hub.next(({ event }) => event === 'listening');
      await using site = new RxflareProcess('connect', String(url), '--name', 'site-1', '--json');
      await site.next(({ event, state }) => event === 'endpoint' && state === 'READY');
      await hub.next(({ event, state }) => event === 'endpoint' && state === 'READY');
      const ended = await site.stop(signal);
      expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
      expect(ended.stdout).toContain('CLOSING');
      await hub.next(({ event, state }) => event === 'endpoint' && state === 'DISCONNECTED');
      const hubEnded = await hub.stop(signal);
      expect(hubEnded).toMatchObject({ exitCode: 0, stderr: '' });
      expect(hubEnded.stdout).not.toContain('"error"');
    },
  );

  it('tell in one line each whom the hub refuses, and why an attempt failed', async () => {
    await using hub = new RxflareProcess('listen', 'tcp://127.0.0.1:0', '--name', 'hub', '--json');
    const { url } = await hub.next(({ event }) => event === 'listening');
    await using site = new RxflareProcess('connect', String(url), '--name', 'hub', '--json');
    expect(await site.next(({ event }) => event === 'error')).toMatchObject({
      code: 'REFUSED',
      diagnosis: 'handshake-refused',
      message: expect.stringMatching(
        /^the peer refused us in the handshake: .*it does not tell why\)$/,
      ) as unknown,
    });
    expect(await hub.next(({ type }) => type === 'refused')).toMatchObject({
      event: 'notice',
      message: expect.stringContaining('may not join: the peer has our own name, hub') as unknown,
    });
    await site.stop();
    expect((await hub.stop()).stdout).not.toContain('"error"');
  });

  it('speak mtls with certificate files', async () => {
    const { ca, hub: hubPair, site1 } = await testCertificates();
    const tls = (pair: { cert: string; key: string }) => [
      '--ca-cert',
      ca,
      '--cert',
      pair.cert,
      '--key',
      pair.key,
    ];
    await using hub = new RxflareProcess('listen', 'stcp://127.0.0.1:0', '--json', ...tls(hubPair));
    const { url } = await hub.next(({ event }) => event === 'listening');
    await using site = new RxflareProcess(
      'connect',
      String(url),
      '--name',
      'site-1',
      '--json',
      ...tls(site1),
    );
    site.write('secret');
    expect(await hub.next(({ event }) => event === 'endpoint')).toMatchObject({
      peerCn: 'site-1',
      tls: 'TLSv1.3',
    });
    expect(await hub.next(({ event }) => event === 'message')).toMatchObject({ text: 'secret' });
    const ping = await run('ping', String(url), '--count', '2', '--interval', '1', ...tls(site1));
    expect(ping.exitCode).toBe(0);
    expect(ping.stderr).not.toContain('rxflare: ');
    expect(ping.stdout).toContain('TLSv1.3, certificate hub');
  });

  it('give an endpoint its properties, and messages their headers', async () => {
    await using hub = new RxflareProcess('listen', 'tcp://127.0.0.1:0', '--json', '--property', 'city=x=y');
    const { url } = await hub.next(({ event }) => event === 'listening');
    const given = ['--property', 'a=1', '--property', 'b=2', '--header', 'round=3'];
    await using site = new RxflareProcess('connect', String(url), '--name', 'site-1', '--json', ...given);
    site.write('hello');
    expect(await site.next(({ event }) => event === 'endpoint')).toMatchObject({
      properties: { city: 'x=y' },
    });
    expect(await hub.next(({ event }) => event === 'endpoint')).toMatchObject({
      properties: { a: '1', b: '2' },
    });
    expect(await hub.next(({ event }) => event === 'message')).toMatchObject({ headers: { round: '3' } });
  });

  it('write a line with a time for each peer that could not even join', async () => {
    const { ca, hub: pair } = await testCertificates();
    const tls = ['--ca-cert', ca, '--cert', pair.cert, '--key', pair.key];
    await using hub = new RxflareProcess('listen', 'stcp://127.0.0.1:0', '--json', ...tls);
    const { url } = await hub.next(({ event }) => event === 'listening');
    const ping = await run('ping', String(url), '--ca-cert', ca, '--connection-security', 'tls');
    expect(ping.exitCode).toBe(5);
    const notice = await hub.next(({ type }) => type === 'handshake-failed');
    expect(notice.event).toBe('notice');
    expect(notice.message).toMatch(
      /a TLS handshake with 127.*: the peer showed no certificate \(1 so far\)$/,
    );
    expect(Date.parse(String(notice.time))).toBeGreaterThan(0);
  });

  it('send each line of a long input, however late it is READY', async () => {
    await using hub = new RxflareProcess('listen', 'tcp://127.0.0.1:0', '--json');
    const { url } = await hub.next(({ event }) => event === 'listening');
    await using site = new RxflareProcess('connect', String(url), '--name', 'site-1');
    for (let line = 1; line <= 1_000; line += 1) site.write(`line ${line}`);
    site.endInput();
    await hub.next(({ text }) => text === 'line 1000');
    expect((await site.ended()).exitCode).toBe(0);
    const lines = (await hub.stop()).stdout.match(/"text":"line \d+"/g);
    expect(lines).toEqual(Array.from({ length: 1_000 }, (_, index) => `"text":"line ${index + 1}"`));
  });

  it.each([['a line'], []])(
    'leave a port where nothing listens, with its exit code: %j',
    async (...lines) => {
      const url = `tcp://127.0.0.1:${await freePort()}`;
      await using site = new RxflareProcess('connect', url, '--name', 'site-1', '--timeout', '100');
      for (const line of lines) site.write(line);
      site.endInput();
      const { exitCode, stderr } = await site.ended();
      expect(exitCode).toBe(3);
      expect(stderr).toMatch(/connection refused: .*\n$/);
    },
  );

  it('tell an address in use in one line and exit 2', async () => {
    const taken = createServer();
    const result = await run('listen', `tcp://127.0.0.1:${await portOf(taken)}`);
    taken.close();
    expect(result.exitCode).toBe(2);
    expect(result.stderr).toMatch(/^rxflare: \[BAD_CONFIG\] .* address already in use 127\.0\.0\.1:\d+\n$/);
  });
});

describe('rxflare send', () => {
  afterEach(stopAll);

  async function echoHub(): Promise<string> {
    const hub = communicator('hub');
    hub.registerMessageReceiver(100, ({ endpoint, message }) => void hub.send(endpoint, 100, message));
    hub.registerMessageReceiver(2, () => undefined);
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    return startListening(hub);
  }

  it('sends one message, and says so', async () => {
    const { exitCode, stdout, stderr } = await run('send', await echoHub(), 'hello');
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: 'sent 5 bytes to hub [app 100]\n',
      stderr: '',
    });
  });

  it('prints the answer where it waits for one: to a pipe its bytes alone', async () => {
    const url = await echoHub();
    const answer = await run('send', url, 'grüße\n\n\x1b', '--wait', '30000');
    expect(answer).toEqual({ exitCode: 0, stdout: 'grüße\n\n\x1b\n', stderr: '' });
    const { exitCode, stdout } = await run(
      'send',
      url,
      'hello',
      '--wait',
      '30000',
      '--header',
      'a=b',
      '--json',
    );
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      event: 'message',
      from: 'hub',
      text: 'hello',
      headers: { a: 'b' },
    });
  });

  it('sends standard input where it is given no text', async () => {
    await using sender = new RxflareProcess('send', await echoHub(), '--wait', '30000');
    sender.write('\0'.repeat(1499));
    sender.endInput();
    expect(await sender.ended()).toMatchObject({ exitCode: 0, stdout: `${'\0'.repeat(1499)}\n` });
  });

  it('fails in one line where no answer comes, or its receiver does not', async () => {
    const url = await echoHub();
    const silent = await run('send', url, 'hello', '--app', '2', '--wait', '100');
    expect(silent).toMatchObject({
      exitCode: 7,
      stderr: 'rxflare: [TIMEOUT] hub did not answer in 100 ms\n',
    });
    const nobody = await run('send', url, 'hello', '--to', 'nobody', '--timeout', '500');
    expect(nobody.exitCode).toBe(7);
    expect(nobody.stderr).toBe('rxflare: [TIMEOUT] nobody was not READY in 500 ms\n');
    const nowhere = await run('send', `tcp://127.0.0.1:${await freePort()}`, 'hello', '--timeout', '100');
    expect(nowhere).toMatchObject({ exitCode: 3, stdout: '' });
  });
});

describe('rxflare ping', () => {
  afterEach(stopAll);

  /** A hub that listens, in this process. */
  async function listeningHub(scheme: string, connProps: Record<string, string> = {}): Promise<string> {
    const hub = communicator(new Endpoint('hub', { site: 'munich' }, connProps));
    hub.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE);
    return startListening(hub);
  }

  /** The diagnosis in JSON, after an exit with its code. */
  async function diagnosis(...args: string[]): Promise<unknown> {
    const { exitCode, stdout } = await run('ping', ...args, '--json');
    const lines = stdout.trim().split('\n');
    const { diagnosis } = JSON.parse(lines.at(-1) ?? '') as { diagnosis: Diagnosis };
    expect(exitCode).toBe(exitCodeOf(diagnosis));
    return diagnosis;
  }

  it('prints name, properties and round trips, and exits 0', async () => {
    const url = await listeningHub('tcp');
    const { exitCode, stdout } = await run('ping', url, '--count', '3', '--interval', '1', '--json');
    expect(exitCode).toBe(0);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ event }) => event)).toEqual(['ready', 'pong', 'pong', 'pong', 'summary']);
    expect(events[0]).toMatchObject({ name: 'hub', properties: { site: 'munich' }, tls: null });
  });

  it('sums up at Ctrl-C what it has seen, and exits 0', async () => {
    const url = await listeningHub('tcp');
    const args = ['--count', '1000000', '--interval', '1', '--json'];
    await using ping = new RxflareProcess('ping', url, ...args);
    await ping.next(({ event }) => event === 'pong');
    const { exitCode, stdout } = await ping.stop('SIGINT');
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { event: string; sent?: number });
    expect(exitCode).toBe(0);
    const pongs = events.filter(({ event }) => event === 'pong').length;
    expect(events.at(-1)).toMatchObject({ event: 'summary', sent: pongs });
  });

  it('shows its steps, its failure and its second look where DEBUG asks for them', async () => {
    const web = createHttpServer((_request, response) => response.end('welcome'));
    const url = `http://127.0.0.1:${await portOf(web)}`;
    vi.stubEnv('DEBUG', 'rxflare:*');
    onTestFinished(() => {
      vi.unstubAllEnvs();
      web.closeAllConnections();
      web.close();
    });
    const well = await run('ping', await listeningHub('tcp'), '--count', '1');
    const failed = await run('ping', url, '--timeout', '1000');
    const steps = ({ stderr }: { stderr: string }) =>
      stderr.replaceAll(/^\S+ /gm, '').replaceAll(/:\d+/g, '');
    expect(steps(well)).toBe(
      ['connecting', 'connected', 'is "hub", and READY']
        .map((step) => `rxflare:probe tcp://127.0.0.1 ${step}\n`)
        .join(''),
    );
    expect(steps(failed)).toContain('rxflare:probe http://127.0.0.1 failed at the step connect: [');
    expect(steps(failed)).toContain('rxflare:probe http://127.0.0.1: the port is ');
    expect(steps(failed)).toContain('rxflare:probe tcp://127.0.0.1 connecting\n');
  });

  it('tells a name that is not resolved', async () => {
    expect(await diagnosis('tcp://nowhere.invalid:8002')).toBe('name-not-resolved');
  });

  it('tells a refused connection', async () => {
    expect(await diagnosis(`tcp://127.0.0.1:${await freePort()}`)).toBe('refused');
  });

  it('tells an HTTP server that is not F3 from a port that says nothing', async () => {
    const http = createHttpServer();
    const silent = createServer((socket) => socket.resume());
    const ports = await Promise.all([http, silent].map(portOf));
    const found = await Promise.all(
      ports.map((port) => diagnosis(`tcp://127.0.0.1:${port}`, '--timeout', '2000')),
    );
    http.closeAllConnections();
    http.close();
    silent.close();
    expect(found).toEqual(['not-f3', 'no-answer']);
  });

  it.each(['tcp', 'http', 'grpc'])('tells a hub that is frozen, over %s', async (scheme) => {
    await using hub = new RxflareProcess('listen', `${scheme}://127.0.0.1:0`, '--json');
    const { url } = await hub.next(({ event }) => event === 'listening');
    hub.signal('SIGSTOP');
    expect(await diagnosis(String(url), '--timeout', '1000')).toBe('no-answer');
  });

  it('tells a handshake that takes too long to connect from one that is refused', async () => {
    const closing = createServer((socket) => socket.once('data', () => socket.end()));
    expect(await diagnosis(`tcp://127.0.0.1:${await portOf(closing)}`)).toBe('handshake-refused');
    closing.close();
  });

  it('tells our own name at the other end', async () => {
    expect(await diagnosis(await listeningHub('tcp'), '--name', 'hub')).toBe('handshake-refused');
  });

  it('tells that the connection was lost, where another party takes the name for one', async () => {
    const url = await listeningHub('tcp');
    await using first = new RxflareProcess(
      'ping',
      url,
      '--name',
      'twin',
      // More than it can send before the other one has started: it goes on until that takes its name.
      '--count',
      '1000000',
      '--interval',
      '50',
      '--json',
    );
    await first.next(({ event }) => event === 'pong');
    const second = await run('ping', url, '--name', 'twin', '--count', '1');
    expect(second.exitCode).toBe(0);
    expect(await first.next(({ event }) => event === 'error')).toMatchObject({
      diagnosis: 'connection-lost',
    });
    expect((await first.ended()).exitCode).toBe(3);
  });

  it('tells what is wrong with certificates', async () => {
    const { ca, strangerCa, hub, site1, site2, stranger, expired } = await testCertificates();
    const url = await listeningHub('stcp', { ca_cert: ca, server_cert: hub.cert, server_key: hub.key });
    const clear = await listeningHub('tcp');
    const own = ({ cert, key }: typeof site1) => ['--cert', cert, '--key', key];
    const said = {
      strangerHub: await diagnosis(url, '--ca-cert', strangerCa, ...own(site1)),
      none: await diagnosis(url, '--ca-cert', ca, '--connection-security', 'tls'),
      stranger: await diagnosis(url, '--ca-cert', ca, ...own(stranger)),
      expired: await diagnosis(url, '--ca-cert', ca, ...own(expired)),
      ofAnother: await diagnosis(url, '--ca-cert', ca, '--name', 'site-1', ...own(site2)),
      clearUrl: await diagnosis(url.replace('stcp', 'tcp')),
      noFiles: await diagnosis(url),
      clearPort: await diagnosis(clear.replace('tcp', 'stcp'), '--ca-cert', ca, ...own(site1)),
    };
    expect(said).toEqual({
      strangerHub: 'certificate-not-trusted',
      none: 'client-certificate-wanted',
      stranger: 'own-certificate-not-trusted',
      expired: 'own-certificate-not-trusted',
      ofAnother: 'handshake-refused',
      clearUrl: 'tls-wanted',
      noFiles: 'bad-request',
      clearPort: 'not-tls',
    });
  });

  it.each(['https', 'grpcs'])('tells a certificate of another CA over %s', async (scheme) => {
    const { ca, hub, stranger } = await testCertificates();
    const url = await listeningHub(scheme, { ca_cert: ca, server_cert: hub.cert, server_key: hub.key });
    const own = ['--cert', stranger.cert, '--key', stranger.key];
    expect(await diagnosis(url, '--ca-cert', ca, ...own)).toBe('own-certificate-not-trusted');
  });

  it('shows how it is used', async () => {
    expect(await run('--help')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('ping') as unknown,
    });
  });
});

/** The port on which a server listens, which it does from now on. */
async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
