import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { firstValueFrom } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';

import { type Communicator, EndpointState, Mode, textMessage, textOf } from '../../lib/index.js';
import { clusterName, replica } from '../cluster/cluster-of.js';
import { testCertificates } from '../support/certificates.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';
import { freePort } from '../support/free-port.js';
import { natsAccount, natsKey } from '../support/nats-accounts.js';
import { natsExecutable, NatsServer, type NatsServerOptions } from '../support/nats-server.js';
import { type RxflareEvent, RxflareProcess, type RxflareResult } from '../support/rxflare-process.js';

const SECRET = 's3cr3t-7f3a';
const ANY = 'tcp://127.0.0.1:0';

let server: NatsServer;
beforeAll(async () => (server = await NatsServer.start({ jetStream: true })));
afterAll(() => server.stop());
afterEach(async () => {
  vi.unstubAllEnvs();
  await stopAll();
});

function listen(...args: readonly string[]): RxflareProcess {
  return new RxflareProcess('listen', ANY, '--name', 'server', '--json', ...args);
}

function inCluster(name: string, nats = server): readonly string[] {
  return ['--cluster', `nats://${nats.address}`, '--cluster-name', name];
}

const isListening = ({ event }: { readonly event?: unknown }): boolean => event === 'listening';

async function natsOf(options: NatsServerOptions): Promise<NatsServer> {
  const made = await NatsServer.start({ jetStream: true, ...options });
  onTestFinished(() => made.stop());
  return made;
}

async function folder(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'rxflare-cluster-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

describe('rxflare listen --cluster', () => {
  it('is one hub in two processes: each knows the sites of the other, and a message finds its site', async () => {
    const name = clusterName();
    await using one = listen(...inCluster(name));
    await using two = listen(...inCluster(name));
    const [first] = await Promise.all([one.next(isListening), two.next(isListening)]);
    await using site1 = new RxflareProcess('connect', String(first.url), '--name', 'site-1', '--json');
    expect(await one.next(isReady('site-1'))).not.toHaveProperty('replica');
    expect(await two.next(isReady('site-1'))).toMatchObject({ replica: first.replica });

    const third = await replica({ server, name });
    await untilState(third.hub, 'site-1');
    third.hub.send('site-1', 100, textMessage('from another replica'));
    expect(await site1.next(({ event }) => event === 'message')).toMatchObject({
      text: 'from another replica',
    });
    for (const each of [site1, one, two])
      expect(await each.stop()).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('answers as a cell of all sites, and carries requests between those of two replicas', async () => {
    const name = clusterName();
    const words = ['--channel', 'task', '--topic', 'who', '--json'];
    const serve = (...more: string[]) => new RxflareProcess('serve', ...more, ...words);
    await using one = serve(ANY, ...inCluster(name), '--payload', 'hub');
    await using two = serve(ANY, ...inCluster(name), '--payload', 'hub');
    const [{ url: url1 }, { url: url2 }] = await Promise.all([one.next(isListening), two.next(isListening)]);
    await using site2 = serve(String(url2), '--parent', 'server', '--name', 'site-2', '--payload', 'site-2');
    await site2.next(({ state }) => state === 'READY');
    const ask = (to: string) =>
      RxflareProcess.run('request', String(url1), '--name', 'site-1', '--to', to, ...words.slice(0, -1));
    expect(await ask('server')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('hub') as string,
    });
    expect(await ask('site-2')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('site-2') as string,
    });
  });

  it('ends on a signal while NATS does not answer', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const asked = once(silent, 'connection');
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as AddressInfo;
    await using hub = listen('--cluster', `nats://127.0.0.1:${port}`, '--cluster-name', 'fl');
    await asked;
    expect(await hub.stop()).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

describe('rxflare listen --workers', () => {
  it('takes connections of one port in several processes, and starts one again that died', async () => {
    const store = join(await folder(), 'nats');
    await using hub = listen('--workers', '2', ...(await withOwnNats(store)), '--echo');
    const started = await bothListen(hub);
    const url = String(started[0].url);
    expect(started[1].url).toBe(url);
    expect(started[1].replica).not.toBe(started[0].replica);

    const [site1] = await Promise.all([joined('site-1', url), joined('site-2', url)]);
    const [place1, place2] = await Promise.all(['site-1', 'site-2'].map((name) => hub.next(isReady(name))));
    // Node gives connections to workers in turns.
    expect(place1?.worker).not.toBe(place2?.worker);

    const victim = started.find(({ worker }) => worker === place1?.worker);
    const away = untilState(site1, 'server', EndpointState.DISCONNECTED);
    process.kill(Number(victim?.pid), 'SIGKILL');
    expect(await hub.next(({ event }) => event === 'error')).toMatchObject({
      code: 'CLOSED',
      message: `worker ${String(victim?.worker)} was ended by SIGKILL`,
      retryMs: 1_000,
    });
    await away;
    await hub.next((each) => isListening(each) && each.worker === victim?.worker && each.pid !== victim?.pid);
    await untilState(site1, 'server');
    const echo = firstValueFrom(site1.messages(100));
    site1.send('server', 100, textMessage('here again'));
    expect(textOf((await echo).message)).toBe('here again');

    const second = await RxflareProcess.run('listen', ANY, '--workers', '2', ...(await withOwnNats(store)));
    expect(second).toMatchObject({ exitCode: 2 });
    expect(second.stderr).toMatch(/--nats-store: process \d+ has .*: end it, or give another folder/);
    const pidFile = join(store, 'rxflare-nats.pid');
    const nats = Number(await readFile(pidFile, 'utf8'));
    expect(await hub.stop()).toMatchObject({ exitCode: 0, stderr: '' });
    expect(() => process.kill(nats, 0)).toThrow('ESRCH');
    expect(existsSync(pidFile)).toBe(false);
  });

  it('writes out on SIGTERM what was accepted for its sites, at all workers at once', async () => {
    const name = clusterName();
    await using hub = listen('--workers', '2', ...inCluster(name));
    const started = await bothListen(hub);
    const [{ url }] = started;
    const sender = await replica({ server, name });
    const names = ['site-1', 'site-2'];
    const received = new Map(names.map((each) => [each, [] as string[]]));
    for (const each of names) {
      const site = await joined(each, String(url));
      site.messages(100).subscribe(({ message }) => received.get(each)?.push(textOf(message)));
      await untilState(sender.hub, each);
    }
    const dropped: unknown[] = [];
    sender.hub.lifecycle$.subscribe((event) => event.type === 'dropped' && dropped.push(event));
    const accepted = new Map(names.map((each) => [each, [] as string[]]));
    const closing = names.map((each) => untilState(sender.hub, each, EndpointState.CLOSING));
    let onTheirWay = 0;
    const send = async (to: string): Promise<void> => {
      for (let number = 0; ; number += 1) {
        if (sender.hub.findEndpoint(to)?.state !== EndpointState.READY) return;
        const hasRoom = sender.hub.send(to, 100, textMessage(`${number}`));
        accepted.get(to)?.push(`${number}`);
        if (!hasRoom || number % 100 === 0) await firstValueFrom(sender.hub.drained(to));
        if (number === 5_000 && (onTheirWay += 1) === names.length) {
          // Ctrl-C is for the whole group, so that the workers get a second signal.
          for (const { pid } of started) process.kill(Number(pid), 'SIGINT');
          hub.signal('SIGTERM');
        }
        if (number % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const sent = Promise.all(names.map(send));
    await Promise.all(closing);
    expect(await hub.stop()).toMatchObject({ exitCode: 0, stderr: '' });
    await sent;
    expect(dropped).toEqual([]);
    for (const each of names) {
      expect(accepted.get(each)?.length).toBeGreaterThan(5_000);
      expect(received.get(each)).toEqual(accepted.get(each));
    }
  });

  it('ends with the exit code of its first worker where that does not come up, and says why once', async () => {
    const nowhere = `nats://127.0.0.1:${await freePort()}`;
    const words = ['--workers', '3', '--cluster', nowhere, '--cluster-name', 'fl'];
    const { exitCode, stdout, stderr } = await RxflareProcess.run('listen', ANY, ...words);
    expect([exitCode, stdout]).toEqual([3, '']);
    expect(stderr.match(/connection refused/g)).toHaveLength(1);
  });

  it('passes the lines of its workers on whole, however long they are', async () => {
    await using hub = listen('--workers', '2', ...inCluster(clusterName()));
    const [{ url }] = await bothListen(hub);
    const sites = await Promise.all(['site-1', 'site-2'].map((name) => joined(name, String(url))));
    for (let round = 0; round < 20; round += 1)
      for (const site of sites) site.send('server', 100, textMessage('x'.repeat(200_000)));
    for (const site of sites) site.send('server', 100, textMessage('end'));
    for (const name of ['site-1', 'site-2'])
      await hub.next(({ event, from, text }) => event === 'message' && from === name && text === 'end');
    const lines = (await hub.stop()).stdout.trim().split('\n');
    const events = lines.map((line) => JSON.parse(line) as { readonly event: string });
    expect(events.filter(({ event }) => event === 'message')).toHaveLength(42);
  });
});

describe('a login for NATS', () => {
  const starts = async (nats: NatsServer, ...args: readonly string[]): Promise<RxflareResult> => {
    await using hub = listen(...inCluster(clusterName(), nats), ...args);
    await hub.next(isListening);
    return await hub.stop();
  };
  const OK = { exitCode: 0, stderr: '' };

  it('is a user whose password is in a file or the environment', async () => {
    const nats = await natsOf({ args: ['--user', 'fl', '--pass', SECRET] });
    const file = join(await folder(), 'password');
    await writeFile(file, `${SECRET}\n`);
    expect(await starts(nats, '--nats-user', 'fl', '--nats-password-file', file)).toMatchObject(OK);
    vi.stubEnv('NATS_PASSWORD', SECRET);
    expect(await starts(nats, '--nats-user', 'fl')).toMatchObject(OK);
  });

  it('is a token in a file, the environment, or a URL there', async () => {
    const nats = await natsOf({ args: ['--auth', SECRET] });
    const file = join(await folder(), 'token');
    await writeFile(file, SECRET);
    expect(await starts(nats, '--nats-token-file', file)).toMatchObject(OK);
    vi.stubEnv('NATS_TOKEN', SECRET);
    expect(await starts(nats)).toMatchObject(OK);
    vi.unstubAllEnvs();
    vi.stubEnv('RXFLARE_CLUSTER', `nats://${SECRET}@${nats.address}`);
    await using hub = listen('--cluster-name', clusterName());
    await hub.next(isListening);
    expect(await hub.stop()).toMatchObject(OK);
  });

  it('is a key (nkey), or the credentials of an account (JWT)', async () => {
    const directory = await folder();
    const { config: keys, nkey } = await natsKey(directory);
    const { config: accounts, creds } = await natsAccount(directory);
    expect(await starts(await natsOf({ args: ['--config', keys] }), '--nats-nkey', nkey)).toMatchObject(OK);
    expect(await starts(await natsOf({ args: ['--config', accounts] }), '--nats-creds', creds)).toMatchObject(
      OK,
    );
  });

  it('is a certificate', async () => {
    const { ca, hub, site1 } = await testCertificates();
    const tls = ['--tls', '--tlscert', hub.cert, '--tlskey', hub.key, '--tlsverify', '--tlscacert', ca];
    const nats = await natsOf({ args: tls });
    const own = ['--nats-ca-cert', ca, '--nats-cert', site1.cert, '--nats-key', site1.key];
    expect(await starts(nats, ...own)).toMatchObject({ exitCode: 0 });
  });
});

describe('what keeps a replica from its cluster', () => {
  const fails = async (...args: readonly string[]): Promise<string> => {
    const { exitCode, stderr } = await RxflareProcess.run('listen', ANY, '--cluster-name', 'fl', ...args);
    return `${exitCode}: ${stderr}`;
  };

  it('is a NATS that is not reachable', async () => {
    const port = await freePort();
    const said = await fails('--cluster', `nats://fl:${SECRET}@127.0.0.1:${port}`);
    expect(said).toMatch(/^3: /);
    expect(said).toContain(
      `rxflare: [NOT_READY] cluster: cannot join at 127.0.0.1:${port}: connection refused: is nats-server there, and reachable?`,
    );
    expect(said).not.toContain(SECRET);
    expect(await fails('--cluster', 'nats://nowhere.invalid')).toMatch(/^3: .*ENOTFOUND nowhere.invalid/);
  });

  it('is one without JetStream, or without TLS', async () => {
    const plain = await natsOf({ jetStream: false });
    expect(await fails('--cluster', `nats://${plain.address}`)).toContain(
      '2: rxflare: [NOT_SUPPORTED] cluster: cannot join: jetstream is not enabled: start nats-server with JetStream (-js)',
    );
    expect(await fails('--cluster', `tls://${plain.address}`)).toContain(
      '2: rxflare: [BAD_CONFIG] cluster: cannot',
    );
  });

  it('is one that is too old', async () => {
    const old = createServer((socket) => {
      const info = {
        server_id: 'old',
        version: '2.10.29',
        proto: 1,
        headers: true,
        max_payload: 1024 ** 2,
        jetstream: true,
      };
      socket.write(`INFO ${JSON.stringify(info)}\r\n`);
      socket.on('data', (bytes) => bytes.includes('PING') && socket.write('PONG\r\n'));
      socket.on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await once(old, 'listening');
    onTestFinished(() => void old.close());
    const { port } = old.address() as AddressInfo;
    expect(await fails('--cluster', `nats://127.0.0.1:${port}`)).toContain(
      '2: rxflare: [NOT_SUPPORTED] cluster: expected NATS 2.11 or later, got 2.10.29',
    );
  });

  it('is one that lets nobody in with that login, or whose certificate is of another CA', async () => {
    const { ca, hub, strangerCa } = await testCertificates();
    const nats = await natsOf({
      args: ['--auth', SECRET, '--tls', '--tlscert', hub.cert, '--tlskey', hub.key],
    });
    expect(await fails('--cluster', `nats://${nats.address}`, '--nats-ca-cert', strangerCa)).toMatch(
      /5: [^]*: check the CA certificate for NATS, and the name of its host\n$/,
    );
    expect(await fails('--cluster', `nats://${nats.address}`, '--nats-ca-cert', ca)).toMatch(
      /4: [^]*rxflare: \[REFUSED\] cluster: cannot join at .*: .*: check the credentials for NATS\n$/,
    );
  });

  it.each([
    [
      ['--cluster', 'http://127.0.0.1:4222'],
      '--cluster: expected nats://host:4222 or tls://host:4222, several with commas',
    ],
    [
      ['--cluster', 'nats://fl:secret'],
      '--cluster: expected nats://host:4222 or tls://host:4222, several with commas',
    ],
    [['--cluster', 'nats://u:100%@127.0.0.1'], '--cluster: a % in a user or password must be written as %25'],
    [
      ['--cluster', 'nats://u:p@127.0.0.1', '--nats-user', 'fl'],
      'expected one login for NATS, got what --cluster has and --nats-user',
    ],
    [
      ['--cluster', 'nats://127.0.0.1', '--nats-user', 'fl'],
      'expected the password of --nats-user in --nats-password-file, or in NATS_PASSWORD',
    ],
    [
      ['--cluster', 'nats://127.0.0.1', '--nats-password-file', 'package.json'],
      'expected --nats-user with --nats-password-file',
    ],
    [
      ['--cluster', 'nats://127.0.0.1', '--nats-creds', 'package.json'],
      'package.json is not what NATS takes',
    ],
    [['--cluster', 'nats://127.0.0.1', '--nats-nkey', 'nowhere.nk'], 'nowhere.nk cannot be read: ENOENT'],
    [
      ['--workers', '2', '--nats-server', 'nowhere', '--nats-store', tmpdir()],
      'nats-server cannot be started: spawn nowhere ENOENT',
    ],
    [
      [
        '--workers',
        '2',
        '--nats-server',
        process.execPath,
        '--nats-store',
        join(tmpdir(), 'rxflare-no-nats'),
      ],
      'nats-server ended with exit code 9',
    ],
  ])('is what cannot work: %j', async (args, message) => {
    const text = await fails(...args);
    expect(text).toMatch(/^2: /);
    expect(text).toContain(message);
  });
});

describe('a secret of NATS', () => {
  it.each([[[]], [['--json']]])('is in no output with %j, nor in its debug output', async (format) => {
    vi.stubEnv('DEBUG', '*');
    const nats = await natsOf({ args: ['--user', 'fl', '--pass', SECRET] });
    const file = join(await folder(), 'password');
    await writeFile(file, SECRET);
    const start = (...args: string[]) =>
      new RxflareProcess('listen', ANY, '--cluster-name', clusterName(), ...args, ...format);
    const urlOf = (password: string) => `nats://fl:${password}@${nats.address}`;
    const ended: RxflareResult[] = [];
    for (const args of [
      ['--cluster', urlOf(SECRET)],
      ['--cluster', `nats://${nats.address}`, '--nats-user', 'fl', '--nats-password-file', file],
      ['--cluster', urlOf(SECRET), '--workers', '1'],
      ['--workers', '1', ...(await withOwnNats(await folder())).slice(2)],
    ]) {
      await using hub = start(...args);
      await expect.poll(() => hub.stdout).toMatch(/listening.*replica/);
      ended.push(await hub.stop());
    }
    const refused = ['http://fl:', 'nats://fl:/', 'nats://fl:#', 'nats://fl:,', 'nats://fl:wrong-'].map(
      (begin) => `${begin}${SECRET}@${nats.address}`,
    );
    for (const url of refused)
      ended.push(
        await RxflareProcess.run('listen', ANY, '--cluster-name', 'fl', '--cluster', url, ...format),
      );
    expect(ended.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0, 2, 2, 2, 2, 4]);
    const printed = ended.map(({ stdout, stderr }) => stdout + stderr).join('\n');
    expect(printed).toContain('rxflare:connector');
    expect(printed).toContain('rxflare:nats');
    expect(printed.match(/other users of this machine can see the secret/g)).not.toBeNull();
    expect(printed).not.toContain(SECRET);
  });
});

const isReady =
  (name: string) =>
  (event: RxflareEvent): boolean =>
    event.name === name && event.state === 'READY';

function bothListen(hub: RxflareProcess): Promise<[RxflareEvent, RxflareEvent]> {
  const of = (number: number) => hub.next((event) => isListening(event) && event.worker === number);
  return Promise.all([of(1), of(2)]);
}

async function joined(name: string, url: string): Promise<Communicator> {
  const site = communicator(name);
  site.addConnector(url, Mode.ACTIVE);
  await site.start();
  await untilState(site, 'server');
  return site;
}

async function withOwnNats(store: string): Promise<readonly string[]> {
  return ['--cluster-name', 'fl', '--nats-server', await natsExecutable(), '--nats-store', store];
}
