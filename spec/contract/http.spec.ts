import { WebSocketDriver } from '../../lib/drivers/websocket/websocket-driver.js';
import { parseUrl } from '../../lib/transport/url.js';
import { driverContract } from './driver-contract.js';

driverContract('http', {
  driver: new WebSocketDriver(),
  listenParams: () => Promise.resolve(parseUrl('http://127.0.0.1:0')),
  connectParams: (url) => parseUrl(url),
});
