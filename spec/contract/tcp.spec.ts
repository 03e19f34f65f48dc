import { TcpDriver } from '../../lib/drivers/index.js';
import { parseUrl } from '../../lib/transport/url.js';
import { driverContract } from './driver-contract.js';

driverContract('tcp', {
  driver: new TcpDriver(),
  listenParams: () => Promise.resolve(parseUrl('tcp://127.0.0.1:0')),
  connectParams: (url) => parseUrl(url),
});
