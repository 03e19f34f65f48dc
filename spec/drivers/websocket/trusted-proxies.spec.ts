import { describe, expect, it } from 'vitest';

import { TrustedProxies } from '../../../lib/drivers/websocket/trusted-proxies.js';
import { CommErrorCode } from '../../../lib/index.js';

describe('the address of a client', () => {
  it.each<[string, readonly string[], string, string, string]>([
    ['is the socket without proxies', [], '127.0.0.1', '1.2.3.4', '127.0.0.1'],
    ['is what a trusted proxy reports', ['loopback'], '127.0.0.1', '1.2.3.4', '1.2.3.4'],
    [
      'is the last that is no proxy',
      ['loopback', '10.0.0.0/8'],
      '::1',
      '6.6.6.6, 1.2.3.4, 10.1.1.1',
      '1.2.3.4',
    ],
    ['is not what an untrusted one made up', ['10.0.0.0/8'], '9.9.9.9', '1.2.3.4', '9.9.9.9'],
    ['is IPv4 on a socket for both families', ['127.0.0.1'], '::ffff:127.0.0.1', '1.2.3.4', '1.2.3.4'],
    ['may be IPv6', ['fc00::/7'], 'fd00::1', '2001:db8::1', '2001:db8::1'],
    ['is the proxy where that reports nothing', ['loopback'], '127.0.0.1', '', '127.0.0.1'],
    ['is unknown where a proxy reports no address', ['loopback'], '127.0.0.1', '1.2.3.4, unknown', 'unknown'],
    ['is unknown where a proxy reports an empty one', ['loopback'], '127.0.0.1', '1.2.3.4, ', 'unknown'],
    ['may have a port', ['loopback'], '127.0.0.1', '9.9.9.9:1234', '9.9.9.9'],
    ['may be IPv6 with a port', ['loopback'], '127.0.0.1', '[2001:db8::1]:44', '2001:db8::1'],
    ['may be IPv6 in brackets', ['loopback'], '127.0.0.1', '[2001:db8::1]', '2001:db8::1'],
    ['is the first where all are proxies', ['uniquelocal'], '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ])('%s', (_, proxies, socket, forwarded, client) => {
    const headers = forwarded === '' ? {} : { 'x-forwarded-for': forwarded };
    expect(new TrustedProxies(proxies).clientOf(socket, headers)).toBe(client);
  });

  it.each([
    'proxy.example.com',
    '10.0.0.0/33',
    '10.0.0.0/',
    '::/129',
    '',
    '10.0.0.0/x',
    '10.0.0.0/8/9',
    '10.0.0.0/0x8',
    'constructor',
    '__proto__',
    '*',
  ])('cannot be had of a proxy %j', (proxy) => {
    expect(() => new TrustedProxies([proxy])).toThrow(
      expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error,
    );
  });
});
