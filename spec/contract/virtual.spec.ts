import { asapScheduler, asyncScheduler, type Subject } from 'rxjs';

import { type Connection } from '../../lib/index.js';
import { parseUrl } from '../../lib/transport/url.js';
import { VirtualDriver } from '../../lib/testing/virtual-driver.js';
import { VirtualLink } from '../../lib/testing/virtual-link.js';
import { driverContract } from './driver-contract.js';

let addresses = 0;

// In real time, on links that are up: what holds of the other drivers holds of the one in tests.
for (const [name, scheduler, latencyMs] of [
  ['virtual', asapScheduler, 0],
  ['virtual with latency', asyncScheduler, 2],
] as const) {
  const listeners = new Map<string, Subject<Connection>>();
  const link = new VirtualLink('site-1 and hub', scheduler, latencyMs);
  driverContract(name, {
    driver: new VirtualDriver('ad-hoc', { listeners, link: () => link }),
    listenParams: () => Promise.resolve(parseUrl(`virtual://contract-${(addresses += 1)}`)),
    connectParams: (url) => parseUrl(url),
  });
}
