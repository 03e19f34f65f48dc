import { TcpDriver } from '../../lib/drivers/index.js';
import { ConnectionSecurity } from '../../lib/index.js';
import { parseUrl } from '../../lib/transport/url.js';
import { testCertificates } from '../support/certificates.js';
import { driverContract } from './driver-contract.js';

const { ca, hub, site1 } = await testCertificates();

for (const connection_security of [ConnectionSecurity.TLS, ConnectionSecurity.MTLS]) {
  const common = { ca_cert: ca, connection_security, secure: true };
  driverContract(`stcp (${connection_security})`, {
    driver: new TcpDriver(),
    listenParams: () =>
      Promise.resolve({
        ...parseUrl('stcp://127.0.0.1:0'),
        ...common,
        server_cert: hub.cert,
        server_key: hub.key,
      }),
    connectParams: (url) => ({ ...parseUrl(url), ...common, client_cert: site1.cert, client_key: site1.key }),
  });
}
