import { describe, expect, it } from 'vitest';

import { type HandshakeRequest, keepRequest, takeRequest } from '../../lib/transport/handshake-requests.js';
import { FakeConnection } from '../support/fake-connection.js';

describe('the request that a connection began with', () => {
  it('is taken once, by who asks for that connection', () => {
    const connection = new FakeConnection();
    const request: HandshakeRequest = {
      url: '/f3',
      headers: { cookie: 'a=1' },
      remoteAddress: '127.0.0.1',
      raw: undefined,
    };
    keepRequest(connection, request);
    expect(takeRequest(new FakeConnection())).toBeUndefined();
    expect([takeRequest(connection), takeRequest(connection)]).toEqual([request, undefined]);
  });
});
