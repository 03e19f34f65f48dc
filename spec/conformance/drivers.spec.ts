import { describe, expect, it } from 'vitest';

import { GrpcDriver, SharedFileDriver, TcpDriver, WebSocketDriver } from '../../lib/drivers/index.js';
import { Communicator, Endpoint } from '../../lib/index.js';

const { drivers } = new Communicator(new Endpoint('hub'));

describe('a communicator', () => {
  it.each([
    ['tcp', TcpDriver],
    ['stcp', TcpDriver],
    ['atcp', TcpDriver],
    ['satcp', TcpDriver],
    ['http', WebSocketDriver],
    ['https', WebSocketDriver],
    ['grpc', GrpcDriver],
    ['grpcs', GrpcDriver],
    ['agrpc', GrpcDriver],
    ['agrpcs', GrpcDriver],
    ['shared-file', SharedFileDriver],
  ])('has a driver for %s', (scheme, driver) => {
    expect(drivers.find(scheme)).toBeInstanceOf(driver);
  });
});
