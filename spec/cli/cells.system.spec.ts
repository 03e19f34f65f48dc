import { execFile, execFileSync } from 'node:child_process';
import { chmod, lstat, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { concat, lastValueFrom, mergeMap, NEVER, of } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { Cell, CellError, ReturnCode } from '../../lib/cellnet/index.js';
import { Endpoint, Mode } from '../../lib/index.js';
import { communicator, startListening, stopAll, untilState } from '../support/communicators.js';
import { programArgs } from '../support/compiled.js';
import { freePort } from '../support/free-port.js';
import { pattern } from '../support/pattern.js';
import { PtyProcess } from '../support/pty-process.js';
import { pythonAvailable } from '../support/python.js';
import { RxflareProcess } from '../support/rxflare-process.js';

const PLACE = ['--channel', 'app', '--topic', 'status'];
const run = (...args: readonly string[]) => RxflareProcess.run(...args);

afterEach(stopAll);

/** A file with these bytes, in a folder of its own. */
async function fileOf(bytes: Uint8Array): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'rxflare-cells-')), 'a file');
  await writeFile(file, bytes);
  return file;
}

/** A cell that listens, and its URL. */
async function serverCell() {
  const hub = communicator(new Endpoint('server', { fqcn: 'server' }));
  hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
  const cell = new Cell(hub);
  return { hub, cell, url: await startListening(hub) };
}

describe('rxflare request', () => {
  it('prints the reply: a text, a value, bytes', async () => {
    const { cell, url } = await serverCell();
    const got: unknown[] = [];
    cell.handle('app', 'status', ({ payload, headers, origin }) => {
      got.push([origin, headers.round, payload]);
      return payload;
    });
    const ask = (...args: readonly string[]) => run('request', url, '--to', 'server', ...PLACE, ...args);
    const binary = Uint8Array.from({ length: 1_500 }, (_, index) => index);
    const file = await fileOf(binary);

    const outputs = await Promise.all([
      ask('--payload', 'grüße', '--header', 'round=3', '--name', 'js'),
      ask('--value', '{"round": [3, null]}'),
      ask('--payload', `@${file}`, '--json'),
      ask(),
      ask('--value', '{"big": 1e400}', '--json'),
    ]);
    const isOk = { exitCode: 0, stderr: '' };
    expect(outputs[0]).toEqual({ ...isOk, stdout: 'grüße\n' });
    expect(outputs[1]).toEqual({ ...isOk, stdout: '{"round":[3,null]}\n' });
    const base64 = Buffer.from(binary).toString('base64');
    expect(JSON.parse(outputs[2].stdout)).toMatchObject({ value: { base64 } });
    const raw = [...programArgs('cli/main'), 'request', url, ...PLACE, '--payload', `@${file}`];
    const { stdout } = await promisify(execFile)(process.execPath, raw, { encoding: 'buffer' });
    expect(stdout.equals(binary)).toBe(true);
    expect(outputs[3]).toEqual({ ...isOk, stdout: '(empty)\n' });
    expect(JSON.parse(outputs[4].stdout)).toMatchObject({
      event: 'reply',
      from: 'server',
      channel: 'app',
      topic: 'status',
      value: { big: null },
    });
    expect(got).toContainEqual(['js', '3', 'grüße']);
  });

  it('ends with a code that tells how it failed', async () => {
    const { cell, url } = await serverCell();
    cell.handle('app', 'session', () => Promise.reject(new CellError(ReturnCode.INVALID_SESSION)));
    cell.handle('app', 'silent', () => new Promise<never>(() => undefined));
    const ask = (topic: string, ...args: readonly string[]) =>
      run('request', url, '--channel', 'app', '--topic', topic, '--json', ...args);
    const failed = async (ended: ReturnType<typeof run>) => {
      const { exitCode, stdout } = await ended;
      const { event, returnCode } = JSON.parse(stdout) as Record<string, unknown>;
      return [exitCode, event, returnCode];
    };
    const outcomes = await Promise.all([
      failed(ask('session')),
      failed(ask('nobody handles')),
      // Also the time to get in, of one of five that start at once.
      failed(ask('silent', '--timeout', '3s')),
      failed(ask('session', '--to', 'gone')),
      failed(ask('session', '--to', 'no name!')),
    ]);
    expect(outcomes).toEqual([
      [8, 'error', 'invalid_session'],
      [8, 'error', 'process_exception'],
      [7, 'error', 'timeout'],
      [3, 'error', 'comm_error'],
      [2, 'error', 'invalid_target'],
    ]);
    const unhandled = await ask('nobody handles');
    expect(JSON.parse(unhandled.stdout)).toMatchObject({
      reason: 'no callback',
      message: expect.stringContaining(
        ': nobody handles that there; check channel, topic and target',
      ) as string,
    });
    const nowhere = await run('request', `tcp://127.0.0.1:${await freePort()}`, ...PLACE, '--timeout', '0.3');
    expect(nowhere).toMatchObject({ exitCode: 3, stdout: '' });
    expect(nowhere.stderr).toContain('nothing listens');
    const both = await run('request', url, ...PLACE, '--payload', 'x', '--value', '1');
    expect(both).toMatchObject({ exitCode: 2 });
    expect(both.stderr).toContain('expected --payload or --value, got both');
  });
});

describe('rxflare serve', () => {
  it('answers as a listener, and as a child of a cell', async () => {
    await using server = new RxflareProcess('serve', 'tcp://127.0.0.1:0', ...PLACE, '--echo', '--json');
    const { url } = await server.next(({ event }) => event === 'listening');
    const child = ['--parent', 'server', '--name', 'js', '--channel', 'app', '--payload', 'idle', '--json'];
    await using js = new RxflareProcess('serve', String(url), ...child);
    await js.next(({ event, state }) => event === 'endpoint' && state === 'READY');
    await using grandchild = new RxflareProcess(
      ...['serve', 'tcp://127.0.0.1:0', '--name', 'other', '--channel', 'app', '--json'],
    );
    const { url: otherUrl } = await grandchild.next(({ event }) => event === 'listening');
    await using below = new RxflareProcess(
      ...['serve', String(otherUrl), '--parent', 'other', '--name', 'leaf', '--channel', 'app', '--json'],
    );

    const ask = (...args: readonly string[]) => run('request', String(url), '--name', 'asker', ...args);
    expect(await ask(...PLACE, '--payload', 'hello')).toMatchObject({ exitCode: 0, stdout: 'hello\n' });
    expect(await server.next(({ event }) => event === 'request')).toMatchObject({
      from: 'asker',
      channel: 'app',
      topic: 'status',
      value: 'hello',
    });
    expect(await ask('--to', 'js', '--channel', 'app', '--topic', 'any')).toMatchObject({
      exitCode: 0,
      stdout: 'idle\n',
    });
    await grandchild.next(({ event, name }) => event === 'endpoint' && name === 'other.leaf');
    for (const each of [below, grandchild, js, server])
      expect(await each.stop()).toMatchObject({ exitCode: 0, stderr: '' });
  });

  it('ends where it cannot listen, or is given two parents or replies', async () => {
    const { url } = await serverCell();
    const taken = await run('serve', url, ...PLACE);
    expect(taken).toMatchObject({ exitCode: 2 });
    expect(taken.stderr.trim().split('\n')).toHaveLength(1);
    const two = await run('serve', url, url, '--parent', 'server', ...PLACE);
    expect(two).toMatchObject({ exitCode: 2, stdout: '' });
    expect(two.stderr).toContain('expected one URL with --parent, got several');
    const both = await run('serve', 'tcp://127.0.0.1:0', ...PLACE, '--echo', '--value', '1');
    expect(both).toMatchObject({ exitCode: 2, stdout: '' });
    expect(both.stderr).toContain('expected --echo, --payload or --value, got two');
  });
});

describe('rxflare push and pull', () => {
  const bytes = pattern(3_000_001);

  it('carry a file from one cell to another, over the server between them', async () => {
    const { url } = await serverCell();
    const source = await fileOf(bytes);
    const target = await fileOf(new TextEncoder().encode('what was there'));
    await chmod(target, 0o660); // Which no umask gives.
    const pull = ['pull', url, target, '--parent', 'server', '--name', 'js', '--from', 'sender', '--json'];
    await using pulling = new RxflareProcess(...pull, ...PLACE);
    await pulling.next(({ event, state }) => event === 'endpoint' && state === 'READY');
    const push = (name: string) =>
      run('push', url, source, '--name', name, '--to', 'js', ...PLACE, '--header', 'round=3', '--json');

    const refused = await push('stranger');
    expect(refused).toMatchObject({ exitCode: 8, stderr: '' });
    expect(refused.stdout).toContain('not from the cell that is waited for');
    await pulling.next(
      ({ message }) => message === 'refused a stream of stranger: waiting for one of sender',
    );
    const pushed = await push('sender');
    expect(pushed).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(pushed.stdout)).toMatchObject({
      event: 'pushed',
      to: 'js',
      bytes: bytes.length,
      isConfirmed: true,
    });
    const pulled = await pulling.ended();
    expect(pulled).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await pulling.next(({ event }) => event === 'pulled')).toMatchObject({
      from: 'sender',
      bytes: bytes.length,
      file: target,
    });
    expect((await readFile(target)).equals(bytes)).toBe(true);
    expect((await lstat(target)).mode & 0o777).toBe(0o660);
    expect(await readdir(join(target, '..'))).toEqual(['a file']);
  });

  it('say what to do where nobody waits for the file', async () => {
    const { url } = await serverCell();
    const source = await fileOf(bytes);
    const unawaited = await run('push', url, source, ...PLACE);
    expect(unawaited).toMatchObject({ exitCode: 8, stdout: '' });
    expect(unawaited.stderr).toBe(
      'rxflare: [CLOSED] stream to server: refused: "No callback is registered for app/status": nobody waits there for' +
        ' streams of app/status; start rxflare pull first, or check --channel, --topic and --to\n',
    );
  });

  it('fail where a cell on the way has no way to the target', async () => {
    const { url } = await serverCell();
    const lost = await run('push', url, await fileOf(bytes), '--to', 'gone', ...PLACE);
    expect(lost).toEqual({
      exitCode: 3,
      stdout: '',
      stderr:
        'rxflare: [CLOSED] stream to gone: server on the way to it answered comm_error, "cannot forward"\n',
    });
  });

  it('leave what was there, and no part, where a stream breaks off', async () => {
    const target = await fileOf(new TextEncoder().encode('what was there'));
    await using pulling = new RxflareProcess('pull', 'tcp://127.0.0.1:0', target, ...PLACE, '--json');
    const { url } = await pulling.next(({ event }) => event === 'listening');
    const site = communicator(new Endpoint('js', { fqcn: 'js' }));
    site.addConnector(String(url), Mode.ACTIVE);
    const cell = new Cell(site);
    await site.start();
    await untilState(site, 'server');
    const sending$ = cell.sendStream('server', 'app', 'status', [bytes], { size: bytes.length + 1 });
    await expect(lastValueFrom(sending$)).rejects.toThrow('bytes');
    const { exitCode, stdout } = await pulling.ended();
    expect(exitCode).toBe(3);
    expect(stdout).toContain('"returnCode":"comm_error"');
    expect(await readFile(target, 'utf8')).toBe('what was there');
    expect(await readdir(join(target, '..'))).toEqual(['a file']);
  });

  it.each([
    ['says so before', { size: bytes.length }],
    ['does not say so', {}],
  ])('leave nothing of a stream that is too large, where the sender %s', async (_what, options) => {
    const target = await fileOf(new TextEncoder().encode('what was there'));
    await using pulling = new RxflareProcess(
      ...['pull', 'tcp://127.0.0.1:0', target, ...PLACE, '--max-size', '2MB', '--json'],
    );
    const { url } = await pulling.next(({ event }) => event === 'listening');
    expect(await pulling.next(({ event }) => event === 'notice')).toMatchObject({
      message: expect.stringContaining('warning: any party that connects here may send the file') as unknown,
    });
    const site = communicator(new Endpoint('js', { fqcn: 'js' }));
    site.addConnector(String(url), Mode.ACTIVE);
    const cell = new Cell(site);
    await site.start();
    await untilState(site, 'server');
    const sending$ = cell.sendStream('server', 'app', 'status', concat(of(bytes), NEVER), options);
    await expect(lastValueFrom(sending$)).rejects.toThrow('it has more than 2 MB');
    const { exitCode, stdout } = await pulling.ended();
    expect(exitCode).toBe(1);
    expect(stdout).toContain('stream of js: it has more than 2 MB, see --max-size');
    expect(await readFile(target, 'utf8')).toBe('what was there');
    expect(await readdir(join(target, '..'))).toEqual(['a file']);
  });

  it('fail where a signal comes before the file is whole', async () => {
    const target = await fileOf(new TextEncoder().encode('what was there'));
    const waiting = ['pull', 'tcp://127.0.0.1:0', target, '--from', 'js', ...PLACE];
    await using pulling = new RxflareProcess(...waiting, '--json');
    const { url } = await pulling.next(({ event }) => event === 'listening');
    const site = communicator(new Endpoint('js', { fqcn: 'js' }));
    site.addConnector(String(url), Mode.ACTIVE);
    const cell = new Cell(site);
    await site.start();
    await untilState(site, 'server');
    const sent$ = cell.sendStream('server', 'app', 'status', concat(of(bytes), NEVER));
    const refused = expect(lastValueFrom(sent$)).rejects.toThrow('gave up');
    await vi.waitUntil(async () => (await readdir(join(target, '..'))).length === 2, 30_000);
    const { exitCode, stdout, stderr } = await pulling.stop('SIGINT');
    await refused;
    expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: '' });
    expect(stdout).not.toContain('warning');
    expect(await readFile(target, 'utf8')).toBe('what was there');
    expect(await readdir(join(target, '..'))).toEqual(['a file']);
  });

  it('takes one file, where a pattern of the shell gave several', async () => {
    const file = await fileOf(bytes);
    const several = await run('push', 'tcp://127.0.0.1:1', file, file, ...PLACE);
    expect(several).toMatchObject({ exitCode: 2, stdout: '' });
    expect(several.stderr).toContain(
      'expected [url] <file>, got 3 words: push each file by a command of its own',
    );
  });

  it('say before they connect what cannot be read or written', async () => {
    const file = await fileOf(bytes);
    const link = `${file}.link`;
    const pipe = `${file}.pipe`;
    await symlink(file, link);
    execFileSync('mkfifo', [pipe]);
    const pullTo = (target: string) => run('pull', 'tcp://127.0.0.1:0', target, ...PLACE);
    const [missing, folder, endless, nowhere, ...refused] = await Promise.all([
      run('push', 'tcp://127.0.0.1:1', `${file}.missing`, ...PLACE),
      run('push', 'tcp://127.0.0.1:1', join(file, '..'), ...PLACE),
      run('push', 'tcp://127.0.0.1:1', pipe, ...PLACE),
      pullTo(join(file, 'below')),
      pullTo(join(file, '..')),
      pullTo('/dev/null'),
      pullTo(link),
      pullTo(pipe),
      pullTo(join(file, '../missing/file')),
      pullTo(join(file, '../new/')),
    ]);
    expect(missing).toMatchObject({ exitCode: 2, stdout: '' });
    expect(missing.stderr).toContain('no such file');
    expect(folder).toMatchObject({ exitCode: 2, stdout: '' });
    expect(folder.stderr).toContain('expected a file');
    expect(endless).toMatchObject({ exitCode: 2, stdout: '' });
    expect(endless.stderr).toContain('expected a file, which has a size');
    expect(nowhere).toMatchObject({ exitCode: 2, stdout: '' });
    expect(refused.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual(refused.map(() => [2, '']));
    expect(refused.map(({ stderr }) => stderr)).toEqual([
      expect.stringMatching(/^.* is a folder: expected a new or a regular file\n$/),
      expect.stringMatching(/^.* is a pipe or a device: .*\n$/),
      expect.stringMatching(/^.* is a symbolic link: .*\n$/),
      expect.stringMatching(/^.* is a pipe or a device: .*\n$/),
      expect.stringMatching(/^.*no such file or directory.*\n$/),
      expect.stringMatching(/^.*expected a file, got the name of a folder\n$/),
    ]);
    expect((await lstat('/dev/null')).isCharacterDevice()).toBe(true);
  });

  it.skipIf(!pythonAvailable())('show on a terminal how far they are', async () => {
    const { cell, url } = await serverCell();
    cell
      .streams('app', 'status')
      .pipe(mergeMap(({ chunks$ }) => chunks$))
      .subscribe();
    const command = [process.execPath, ...programArgs('cli/main'), 'push', url, await fileOf(bytes)];
    await using terminal = new PtyProcess(100, 10, [...command, ...PLACE]);
    expect(await terminal.ended()).toMatchObject({ status: 0 });
    expect(terminal.written).toMatch(/\[#* *\] +\d+ % {2}[\d.]+ MB of 3 MB/);
    expect(terminal.lines[0]).toBe('sent 3 MB to server');
  });
});

describe('rxflare cells', () => {
  it('shows the cells below the other end, and what does not answer', async () => {
    await using server = new RxflareProcess(
      ...['serve', 'tcp://127.0.0.1:0', ...PLACE, '--diagnostics', '--json'],
    );
    const { url } = await server.next(({ event }) => event === 'listening');
    const child = ['--parent', 'server', '--name', 'site-1', ...PLACE, '--json'];
    await using site = new RxflareProcess('serve', String(url), ...child);
    await site.next(({ event, state }) => event === 'endpoint' && state === 'READY');
    const { stdout, stderr, exitCode } = await run('cells', String(url), '--name', 'asker');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: 'server says: "no reply from site-1: process_exception"\n',
    });
    expect(stdout.split('\n').map((line) => line.replace(/[\d.]+ ms/, 'N ms'))).toEqual([
      'server  N ms',
      '  site-1  no answer: process_exception',
      '',
    ]);
  });

  it('ends as a request does that fails, where the other end tells nothing', async () => {
    const { url } = await serverCell();
    const { stdout, stderr, exitCode } = await run('cells', url);
    expect({ exitCode, stdout }).toEqual({ exitCode: 8, stdout: 'server  no answer: process_exception\n' });
    expect(stderr).toContain(
      'server does not tell who is there: a cell of rxflare answers with --diagnostics of rxflare serve\n',
    );
  });
});
