import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll } from 'vitest';

import { SharedFileDriver } from '../../lib/drivers/shared-file/shared-file-driver.js';
import { parseUrl } from '../../lib/transport/url.js';
import { driverContract } from './driver-contract.js';

const root = await mkdtemp(join(tmpdir(), 'rxflare-contract-'));

afterAll(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));

for (const [name, options, query] of [
  ['shared-file', {}, ''],
  ['shared-file without watching', { watch: false, max_poll_interval: 0.05 }, ''],
  ['shared-file with small logs', {}, '?max_log_size=10000'],
] as const) {
  driverContract(name, {
    driver: new SharedFileDriver({ root_dir: root, ...options }),
    listenParams: async () => parseUrl(`shared-file://0${await mkdtemp(join(root, 'listener-'))}${query}`),
    connectParams: (url) => parseUrl(url),
  });
}
