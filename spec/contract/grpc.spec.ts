import { GrpcDriver } from '../../lib/drivers/grpc/grpc-driver.js';
import { parseUrl } from '../../lib/transport/url.js';
import { driverContract } from './driver-contract.js';

driverContract('grpc', {
  driver: new GrpcDriver(),
  listenParams: () => Promise.resolve(parseUrl('grpc://127.0.0.1:0')),
  connectParams: (url) => parseUrl(url),
});
