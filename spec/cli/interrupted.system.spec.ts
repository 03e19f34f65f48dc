import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

import { expect, it, onTestFinished } from 'vitest';

import { userKit } from '../support/flare-project.js';
import { RxflareProcess } from '../support/rxflare-process.js';

/** A peer that takes connections and says nothing. */
async function silentPeer() {
  const server = createServer((socket) => socket.on('error', () => undefined).resume());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  return {
    url: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    joined: once(server, 'connection'),
  };
}

const PLACE = ['--channel', 'app', '--topic', 'state'];

it.each([
  ['ping', [], 'SIGINT', 130],
  ['ping', [], 'SIGTERM', 143],
  ['send', ['hello'], 'SIGINT', 130],
  ['request', PLACE, 'SIGTERM', 143],
  ['push', [import.meta.filename, ...PLACE], 'SIGINT', 130],
  ['cells', [], 'SIGINT', 130],
  ['pull', ['ignored', ...PLACE, '--parent', 'server'], 'SIGTERM', 143],
  ['serve', ['--channel', 'app', '--parent', 'server'], 'SIGINT', 0],
  ['connect', [], 'SIGTERM', 0],
] as const)('rxflare %s %j without a result: %s ends it with %i', async (name, words, signal, exitCode) => {
  const { url, joined } = await silentPeer();
  await using command = new RxflareProcess(name, url, ...words);
  await joined;
  expect(await command.stop(signal)).toMatchObject({ exitCode, stderr: '' });
});

it('rxflare flare ends by a signal while it logs in', async () => {
  const { url, joined } = await silentPeer();
  const kit = await userKit(Number(new URL(url).port));
  await using command = new RxflareProcess('flare', 'status', '--kit', kit, '--timeout', '600');
  await joined;
  expect(await command.stop('SIGINT')).toMatchObject({ exitCode: 130, stderr: '' });
});
