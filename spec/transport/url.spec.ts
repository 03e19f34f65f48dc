import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import {
  describeParams,
  formatAddress,
  formatUrl,
  hostToConnect,
  isMutualTls,
  isTrue,
  needsTls,
  parseUrl,
  secureScheme,
} from '../../lib/transport/url.js';

const badConfig = expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as unknown;

describe('parseUrl', () => {
  it('takes all parts apart', () => {
    const url = 'http://example.com:8002/f3/x;a=1;b?k=v&n=2#end';
    expect(parseUrl(url)).toEqual({
      k: 'v',
      n: '2',
      url,
      scheme: 'http',
      host: 'example.com',
      port: 8002,
      path: '/f3/x',
      params: 'a=1;b',
      query: 'k=v&n=2',
      frag: 'end',
    });
  });

  it.each([
    ['tcp://0:8002', ''],
    ['tcp://0.0.0.0:8002', '0.0.0.0'],
    ['tcp://localhost:8002', 'localhost'],
    ['tcp://[::1]:8002', '::1'],
    ['http://0:8002/f3', ''],
    ['inproc://hub', 'hub'],
  ])('reads the host of %s as "%s"', (url, host) => {
    expect(parseUrl(url).host).toBe(host);
  });

  it('keeps the port that a scheme usually has, and has none where there is none', () => {
    expect(parseUrl('http://h:80').port).toBe(80);
    expect(parseUrl('https://h:443').port).toBe(443);
    expect(parseUrl('tcp://h:0').port).toBe(0);
    expect(parseUrl('http://h')).not.toHaveProperty('port');
  });

  it('reads the scheme in any case', () => {
    expect(parseUrl('STCP://h:1').scheme).toBe('stcp');
  });

  it('makes query keys parameters, which never win over the URL itself', () => {
    expect(
      parseUrl('tcp://h:1?secure=true&connection_security=tls&host=evil&scheme=stcp&port=9'),
    ).toMatchObject({
      secure: 'true',
      connection_security: 'tls',
      host: 'h',
      scheme: 'tcp',
      port: 1,
    });
  });

  it('leaves the path as it is written, as NVFlare does, and decodes the values of the query', () => {
    expect(parseUrl('shared-file://0/a%20b/c?root_dir=%2Fx%20y+z')).toMatchObject({
      path: '/a%20b/c',
      query: 'root_dir=%2Fx%20y+z',
      root_dir: '/x y z',
    });
  });

  it.each(['/%zz', '/a b', '/ä', '/a/../b', '/a//b/', '/a:b@c', '/[x]', '/x\\y'])(
    'keeps the path %s',
    (path) => {
      expect(parseUrl(`tcp://h:1${path}?k=v`)).toMatchObject({ host: 'h', port: 1, path, k: 'v' });
    },
  );

  it('has empty parts where there are none', () => {
    const none = { path: '', params: '', query: '', frag: '' };
    expect(parseUrl('tcp://h:1')).toEqual({ url: 'tcp://h:1', scheme: 'tcp', host: 'h', port: 1, ...none });
  });

  it('reads parameters behind a semicolon of http and https alone', () => {
    expect(parseUrl('https://h:1/x;a')).toMatchObject({ path: '/x', params: 'a' });
    expect(parseUrl('tcp://h:1/x;a')).toMatchObject({ path: '/x;a', params: '' });
  });

  it('ends each part where the next one begins', () => {
    expect(parseUrl('tcp://h?a=/x;y')).toMatchObject({ host: 'h', path: '', query: 'a=/x;y', a: '/x;y' });
    expect(parseUrl('tcp://h#a?b')).toMatchObject({ host: 'h', query: '', frag: 'a?b' });
    expect(parseUrl('http://h/p?q=1#f?g#h')).toMatchObject({ path: '/p', q: '1', frag: 'f?g#h' });
  });

  it('is not led astray by a query key __proto__', () => {
    const params = parseUrl('tcp://h:1?__proto__=x');
    expect(Object.getPrototypeOf(params)).toBe(Object.prototype);
    expect(params.scheme).toBe('tcp');
  });

  it.each([
    ['no scheme', 'localhost:8002'],
    ['no slashes', 'tcp:8002'],
    ['nothing', ''],
    ['a scheme that begins with a digit', '1tcp://h:1'],
    ['a port beyond 65,535', 'tcp://h:65536'],
    ['a port that is no number', 'tcp://h:abc'],
    ['a user', 'tcp://me@h:1'],
    ['a password', 'tcp://:secret@h:1'],
    ['half an IPv6 address', 'tcp://[::1:8002'],
    ['a blank in the host', 'tcp://a b:1'],
  ])('refuses as BAD_CONFIG %s', (_, url) => {
    expect(() => parseUrl(url)).toThrow(badConfig);
  });
});

describe('TLS', () => {
  it.each(['https', 'grpcs', 'stcp', 'satcp', 'agrpcs', 'ngrpcs', 'wss'])(
    'applies to the scheme %s',
    (scheme) => {
      expect(needsTls({ scheme })).toBe(true);
      expect(isMutualTls({ scheme })).toBe(true);
    },
  );

  it.each([
    [true, true],
    ['true', true],
    ['True', true],
    ['1', true],
    ['yes', true],
    [false, false],
    ['false', false],
    ['0', false],
    ['', false],
    [undefined, false],
    [1, false],
  ])('applies to tcp with secure %s: %s', (secure, expected) => {
    expect(isTrue(secure)).toBe(expected);
    expect(needsTls({ scheme: 'tcp', ...({ secure } as object) })).toBe(expected);
  });

  it('is mutual unless connection_security says otherwise', () => {
    expect(isMutualTls({ scheme: 'stcp', connection_security: 'mtls' })).toBe(true);
    expect(isMutualTls({ scheme: 'stcp', connection_security: 'tls' })).toBe(false);
    expect(isMutualTls({ scheme: 'tcp', connection_security: 'mtls' })).toBe(false);
  });

  it.each([
    ['tcp', 'stcp'],
    ['atcp', 'satcp'],
    ['http', 'https'],
    ['ws', 'wss'],
    ['grpc', 'grpcs'],
    ['agrpc', 'agrpcs'],
    ['stcp', 'stcp'],
    ['inproc', 'inproc'],
  ])('turns the scheme %s into %s', (scheme, secure) => {
    expect(secureScheme(scheme)).toBe(secure);
  });
});

describe('URLs for people', () => {
  it.each([
    ['tcp', '', 8002, '', 'tcp://0:8002'],
    ['tcp', '::1', 8002, '', 'tcp://[::1]:8002'],
    ['http', 'h', 80, '/f3', 'http://h:80/f3'],
  ])('are formatted: %s, "%s", %i, "%s" as %s', (scheme, host, port, path, expected) => {
    expect(formatUrl(scheme, host, port, path)).toBe(expected);
  });

  it.each([
    ['127.0.0.1', 5, '127.0.0.1:5'],
    ['::ffff:10.0.0.1', 5, '10.0.0.1:5'],
    ['64::ffff:10.0.0.1', 5, '[64::ffff:10.0.0.1]:5'],
    ['::1', 5, '[::1]:5'],
    [undefined, 5, 'N/A'],
    ['h', undefined, 'N/A'],
  ])('show the address %s, %s as %s', (host, port, expected) => {
    expect(formatAddress(host, port)).toBe(expected);
  });

  it.each([
    [{ scheme: 'tcp', host: 'h', port: 1, path: '' }, 'tcp://h:1'],
    [{ scheme: 'tcp' }, 'tcp://0:0'],
    [{ scheme: 'tcp', url: 'tcp://0:1?secure=1' }, 'tcp://0:1'],
    [{ scheme: 'http', url: 'http://h:1/f3;v=1?token=a@b#c' }, 'http://h:1/f3;v=1'],
    [{ scheme: 'http', url: 'http://user:word@h:1/f3#c?d' }, 'http://h:1/f3'],
    [{ scheme: 'http', url: 'user:word@h:1' }, 'h:1'],
  ])('describe %j as %s', (params, expected) => {
    expect(describeParams(params)).toBe(expected);
  });

  it.each([
    ['h', 'h'],
    ['', 'localhost'],
    [undefined, 'localhost'],
  ])('connect to host "%s" as %s', (host, expected) => {
    expect(hostToConnect({ scheme: 'tcp', ...(host === undefined ? {} : { host }) })).toBe(expected);
  });

  it('are read back as they were written', () => {
    expect(parseUrl(formatUrl('tcp', '', 1))).toMatchObject({ host: '', port: 1 });
    expect(parseUrl(formatUrl('tcp', 'fe80::1', 1))).toMatchObject({ host: 'fe80::1', port: 1 });
  });
});
