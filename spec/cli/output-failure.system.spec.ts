import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

import { afterEach, describe, expect, it } from 'vitest';

import { EndpointState, Mode, textMessage } from '../../lib/index.js';
import { serveStats } from '../../lib/monitor/index.js';
import { communicator, startListening, stopAll, untilState } from '../support/communicators.js';
import { programArgs } from '../support/compiled.js';
import { freePort } from '../support/free-port.js';
import { RxflareProcess } from '../support/rxflare-process.js';

afterEach(stopAll);

const QUIET = { exitCode: 0, stderr: '' };

async function listeningHub() {
  const hub = communicator('hub');
  serveStats(hub);
  hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
  return { hub, url: await startListening(hub) };
}

describe('a command whose output nobody reads any more', () => {
  it('ends quietly: listen', async () => {
    await using command = new RxflareProcess('listen', 'tcp://127.0.0.1:0', '--json');
    const { url } = await command.next(({ event }) => event === 'listening');
    command.closeOutput('stdout');
    const site = communicator('site-1');
    site.addConnector(String(url), Mode.ACTIVE);
    await site.start();
    expect(await command.ended()).toMatchObject(QUIET);
  });

  it('ends quietly: connect', async () => {
    const { hub, url } = await listeningHub();
    await using command = new RxflareProcess('connect', url, '--name', 'site-1', '--json');
    await command.next(({ event, state }) => event === 'endpoint' && state === EndpointState.READY);
    await untilState(hub, 'site-1');
    command.closeOutput('stdout');
    hub.send('site-1', 1, textMessage('hello'));
    expect(await command.ended()).toMatchObject(QUIET);
  });

  it('ends quietly: ping', async () => {
    const { url } = await listeningHub();
    await using command = new RxflareProcess('ping', url, '--count', '1000000', '--interval', '5', '--json');
    await command.next(({ event }) => event === 'pong');
    command.closeOutput('stdout');
    expect(await command.ended()).toMatchObject(QUIET);
  });

  it('ends quietly: top', async () => {
    const { url } = await listeningHub();
    await using command = new RxflareProcess('top', url, '--period', '100', '--json');
    await command.next(({ event }) => event === 'stats');
    command.closeOutput('stdout');
    expect(await command.ended()).toMatchObject(QUIET);
  });

  it('ends when it cannot tell its errors', async () => {
    const url = `tcp://127.0.0.1:${await freePort()}`;
    await using command = new RxflareProcess('connect', url, '--name', 'site-1');
    command.closeOutput('stderr');
    expect((await command.ended()).exitCode).toBe(0);
  });

  it('keeps its exit code where it has failed', async () => {
    await using command = new RxflareProcess('ping', `tcp://127.0.0.1:${await freePort()}`);
    command.closeOutput('stderr');
    expect((await command.ended()).exitCode).toBe(3);
  });
});

describe('a command whose output is on a full disk', () => {
  /** Runs a command with its standard output there. */
  async function full(...args: readonly string[]) {
    const words = [process.execPath, ...programArgs('cli/main'), ...args];
    const child = spawn('sh', ['-c', 'exec "$@" > /dev/full', 'sh', ...words]);
    const [stderr] = await Promise.all([text(child.stderr), once(child, 'close')]);
    return { stderr, exitCode: child.exitCode };
  }

  const FAILED = {
    exitCode: 1,
    stderr: 'rxflare: standard output: ENOSPC: no space left on device, write\n',
  };

  it('ends with one line, a hub as well', async () => {
    const { url } = await listeningHub();
    expect(await full('ping', url, '--count', '1')).toEqual(FAILED);
    expect(await full('connect', url)).toEqual(FAILED);
    expect(await full('listen', 'tcp://127.0.0.1:0')).toEqual(FAILED);
    expect(await full('--help')).toEqual(FAILED);
  });
});
