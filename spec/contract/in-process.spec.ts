import { asyncScheduler } from 'rxjs';

import { InProcessDriver } from '../../lib/drivers/index.js';
import { parseUrl } from '../../lib/transport/url.js';
import { driverContract } from './driver-contract.js';

let addresses = 0;

for (const [name, driver] of [
  ['in-process', new InProcessDriver()],
  ['in-process with latency', new InProcessDriver({ latencyMs: 2, scheduler: asyncScheduler })],
] as const) {
  driverContract(name, {
    driver,
    listenParams: () => Promise.resolve(parseUrl(`inproc://contract-${(addresses += 1)}`)),
    connectParams: (url) => parseUrl(url),
  });
}
