import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { clientTls, serverTls } from '../../lib/drivers/node/tls.js';
import { CommErrorCode } from '../../lib/index.js';
import { parseUrl } from '../../lib/transport/url.js';
import { testCertificates } from '../support/certificates.js';

const { ca, hub } = await testCertificates();
const base = { ...parseUrl('stcp://127.0.0.1:1'), ca_cert: ca };
const asServer = { server_cert: hub.cert, server_key: hub.key };
const asClient = { client_cert: hub.cert, client_key: hub.key };

describe('a side under mtls', () => {
  it.each([
    ['a server', serverTls, asServer],
    ['a server', serverTls, asClient],
    ['a client', clientTls, asClient],
    ['a client', clientTls, asServer],
  ])('that is %s shows a complete pair of either role', (_, material, pair) => {
    expect(material({ ...base, ...pair })).toMatchObject({
      cert: readFileSync(hub.cert),
      key: readFileSync(hub.key),
    });
  });

  it.each([
    ['a server', serverTls, { client_cert: hub.cert }],
    ['a server', serverTls, { server_cert: hub.cert, ...asClient }],
    ['a client', clientTls, { server_key: hub.key }],
  ])('that is %s makes no pair of two halves', (_, material, half) => {
    const badConfig = expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error;
    expect(() => material({ ...base, ...half })).toThrow(badConfig);
  });
});
