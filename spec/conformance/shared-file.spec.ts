import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { bufferCount, firstValueFrom } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type Communicator, Mode, textMessage, textOf } from '../../lib/index.js';
import { communicator, stopAll, untilState } from '../support/communicators.js';

const APP_ID = 7;
const FAST = { poll_interval: '0.002', max_poll_interval: '0.02' };

let root: string;
let hub: Communicator;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rxflare-conformance-'));
  hub = communicator('hub');
});

afterEach(async () => {
  await stopAll();
  // A listener that was just stopped may still be removing its lease.
  await rm(root, { recursive: true, force: true, maxRetries: 5 });
});

/** Listens, and tells where. */
async function listen(more: Readonly<Record<string, string>> = {}): Promise<string> {
  const { connectUrl } = await hub.startListener('shared-file', { root_dir: root, ...FAST, ...more });
  await hub.start();
  return connectUrl;
}

async function connect(url: string): Promise<Communicator> {
  const site = communicator('site-1');
  site.addConnector(url, Mode.ACTIVE);
  await site.start();
  await untilState(site, 'hub');
  return site;
}

/** The next so many messages of the site. */
function received(count: number): Promise<string[]> {
  const batches$ = hub.messages(APP_ID).pipe(bufferCount(count));
  return firstValueFrom(batches$).then((batch) => batch.map(({ message }) => textOf(message)));
}

describe('a shared directory', () => {
  it('carries many messages over many logs, of which few are left', async () => {
    const site = await connect(await listen({ max_log_size: '300' }));
    const texts = [...Array.from({ length: 40 }, (_, index) => `message ${index}`), 'x'.repeat(100 * 1024)];
    const arrived = received(texts.length);
    for (const text of texts) site.send('hub', APP_ID, textMessage(text));
    expect(await arrived).toEqual(texts);
    const [listener = ''] = await readdir(root);
    const connections = await readdir(join(root, listener, 'conns'));
    expect(connections).toHaveLength(1);
    const files = await readdir(join(root, listener, 'conns', connections[0] ?? ''));
    expect(files.filter((name) => /^active\.\d+\.log$/.test(name)).length).toBeLessThanOrEqual(2);
  });

  it('is there again for a site that stopped and came back', async () => {
    const url = await listen();
    const site = await connect(url);
    await site.stop();
    await untilState(hub, 'site-1', 'DISCONNECTED');
    const again = await connect(url);
    const arrived = received(1);
    again.send('hub', APP_ID, textMessage('after'));
    expect(await arrived).toEqual(['after']);
  });

  it('delivers what was sent before a site stopped', async () => {
    const site = await connect(await listen());
    const texts = Array.from({ length: 30 }, (_, index) => `tail ${index}`);
    const arrived = received(texts.length);
    for (const text of texts) site.send('hub', APP_ID, textMessage(text));
    await site.stop();
    expect(await arrived).toEqual(texts);
  });
});
