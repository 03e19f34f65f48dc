import { parseUrl } from '../../../lib/transport/url.js';
import { driverContract } from '../../contract/driver-contract.js';
import { MuxDriver } from './mux-driver.js';

/** What is measured over it would mean little if it were no driver. */
driverContract('mux', {
  driver: new MuxDriver(),
  listenParams: () => Promise.resolve(parseUrl('mux://127.0.0.1:0')),
  connectParams: (url) => parseUrl(url),
});
