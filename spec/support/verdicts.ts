import { createServer as createHttpServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { catchError, filter, lastValueFrom, map } from 'rxjs';
import { onTestFinished } from 'vitest';

import { secondLook } from '../../lib/cli/explain-failure.js';
import { Endpoint, nodeDrivers, type VerifyEndpoint } from '../../lib/index.js';
import { parseUrl } from '../../lib/transport/url.js';
import { diagnose } from '../../lib/monitor/diagnose.js';
import type { Diagnosis } from '../../lib/monitor/diagnosis.js';
import { probe } from '../../lib/monitor/probe.js';
import { type CertificatePair, testCertificates } from './certificates.js';
import { freePort } from './free-port.js';

/** How to start the hub of a situation. */
export interface HubOptions {
  readonly name?: string;
  readonly connProps?: Readonly<Record<string, string>>;
  readonly verifyEndpoint?: VerifyEndpoint;
}

/** Starts a hub that listens on a URL of this scheme, until the test has ended; resolves to the URL. */
export type StartHub = (scheme: string, options?: HubOptions) => Promise<string>;

/** Something that is wrong, or nothing, and what `ping` must say about it: `ok`, or a diagnosis. */
export interface Situation {
  readonly title: string;
  readonly expected: Diagnosis | 'ok';
  /** Pings; resolves to what was said. */
  readonly ping: (scheme: Scheme, startHub: StartHub) => Promise<Diagnosis | 'ok'>;
  /** Whether NVFlare can be brought into it, and in which version. Default: all. */
  readonly not?: readonly string[];
}

/** A transport under TLS. */
export type Scheme = 'stcp' | 'https' | 'grpcs';

/** The transports, each under TLS and in the clear. */
export const CLEAR: Readonly<Record<Scheme, string>> = { stcp: 'tcp', https: 'http', grpcs: 'grpc' };

const TIMEOUT_MS = 5_000;

/** Each has a name of its own, as the command has: a hub may not have noticed the end of the one before. */
let pings = 0;

/** What `rxflare ping` says of a URL. */
export async function verdict(url: string, resources: Readonly<Record<string, string>> = {}) {
  const params = { ...parseUrl(url), ...resources };
  const probed = { params, local: new Endpoint(`site-1.ping-${(pings += 1)}`), timeoutMs: TIMEOUT_MS };
  const said$ = probe({ ...probed, driver: nodeDrivers().find(params.scheme), count: 1, intervalMs: 0 }).pipe(
    filter(({ type }) => type === 'pong'),
    map(() => 'ok' as const),
    catchError((thrown: unknown) =>
      secondLook(thrown, probed).pipe(map((look) => diagnose(thrown, look).diagnosis)),
    ),
  );
  return lastValueFrom(said$);
}

const server = (ca: string, { cert, key }: CertificatePair) => ({
  ca_cert: ca,
  server_cert: cert,
  server_key: key,
});
const client = (ca: string, { cert, key }: CertificatePair) => ({
  ca_cert: ca,
  client_cert: cert,
  client_key: key,
});

/** A hub under mtls and what its `site-1` shows, each of which a situation may change. */
async function underTls(
  scheme: Scheme,
  startHub: StartHub,
  { hub, own, ca, level, urlScheme = scheme, verifyEndpoint }: TlsChange,
) {
  const all = await testCertificates();
  const connProps = server(all.ca, all[hub ?? 'hub']);
  const url = await startHub(scheme, { connProps, ...(verifyEndpoint && { verifyEndpoint }) });
  const shown =
    level === 'tls' ? { ca_cert: all.ca, connection_security: level } : client(all.ca, all[own ?? 'site1']);
  const trusted = ca === undefined ? {} : { ca_cert: all[ca] };
  const resources = urlScheme === CLEAR[scheme] ? {} : { ...shown, ...trusted };
  return verdict(url.replace(scheme, urlScheme), resources);
}

interface TlsChange {
  readonly hub?: 'expired' | 'stranger' | 'site1';
  readonly own?: 'stranger' | 'expired' | 'site2';
  readonly ca?: 'strangerCa';
  readonly level?: 'tls';
  readonly urlScheme?: string;
  readonly verifyEndpoint?: VerifyEndpoint;
}

const tls =
  (change: TlsChange): Situation['ping'] =>
  (scheme, startHub) =>
    underTls(scheme, startHub, change);

/** A hub in the clear, and the URL that a situation makes of its own. */
const clear =
  (urlOf: (url: string, scheme: Scheme) => string, options: HubOptions = {}): Situation['ping'] =>
  async (scheme, startHub) => {
    const { ca, site1 } = await testCertificates();
    const url = urlOf(await startHub(CLEAR[scheme], options), scheme);
    return verdict(url, Object.keys(CLEAR).includes(parseUrl(url).scheme) ? client(ca, site1) : {});
  };

const next = (scheme: Scheme): Scheme =>
  scheme === 'stcp' ? 'https' : scheme === 'https' ? 'grpcs' : 'stcp';
const previous = (scheme: Scheme): Scheme => next(next(scheme));

/** A web server that knows nothing of F3. */
async function webServer(): Promise<number> {
  const web = createHttpServer((_request, response) => response.end('welcome'));
  web.listen(0, '127.0.0.1');
  onTestFinished(() => {
    web.close();
    web.closeAllConnections();
  });
  await once(web, 'listening');
  return (web.address() as AddressInfo).port;
}

/** NVFlare before 2.9 does not bind names to certificates. */
const UNBOUND = ['2.5.1'];
/** NVFlare has no such hook. */
const NVFLARE = ['2.9.0', '2.5.1'];

/** Everything that is to be told apart. */
export const SITUATIONS: readonly Situation[] = [
  { title: 'all is well, mtls', expected: 'ok', ping: tls({}) },
  { title: 'all is well, clear', expected: 'ok', ping: clear((url) => url) },
  {
    title: 'own certificate of another CA',
    expected: 'own-certificate-not-trusted',
    ping: tls({ own: 'stranger' }),
  },
  {
    title: 'own certificate expired',
    expected: 'own-certificate-not-trusted',
    ping: tls({ own: 'expired' }),
  },
  { title: 'no certificate', expected: 'client-certificate-wanted', ping: tls({ level: 'tls' }) },
  { title: 'name of another', expected: 'handshake-refused', ping: tls({ own: 'site2' }), not: UNBOUND },
  { title: 'server of another CA', expected: 'certificate-not-trusted', ping: tls({ ca: 'strangerCa' }) },
  { title: 'server expired', expected: 'certificate-expired', ping: tls({ hub: 'expired' }) },
  {
    title: 'server of another name',
    expected: 'certificate-of-another',
    ping: tls({ hub: 'site1' }),
  },
  {
    title: 'clear URL, TLS port',
    expected: 'tls-wanted',
    ping: (scheme, startHub) => underTls(scheme, startHub, { urlScheme: CLEAR[scheme] }),
  },
  {
    title: 'TLS URL, clear port',
    expected: 'not-tls',
    ping: clear((url, scheme) => url.replace(CLEAR[scheme], scheme)),
  },
  {
    title: 'next transport, clear',
    expected: 'other-transport',
    ping: clear((url, scheme) => url.replace(CLEAR[scheme], CLEAR[next(scheme)])),
  },
  {
    title: 'previous transport, clear',
    expected: 'other-transport',
    ping: clear((url, scheme) => url.replace(CLEAR[scheme], CLEAR[previous(scheme)])),
  },
  {
    title: 'next transport, mtls',
    expected: 'other-transport',
    ping: (scheme, startHub) => underTls(scheme, startHub, { urlScheme: next(scheme) }),
  },
  {
    title: 'previous transport, mtls',
    expected: 'other-transport',
    ping: (scheme, startHub) => underTls(scheme, startHub, { urlScheme: previous(scheme) }),
  },
  {
    title: 'nothing listens',
    expected: 'refused',
    ping: async (scheme) => verdict(`${CLEAR[scheme]}://127.0.0.1:${await freePort()}`),
    not: NVFLARE,
  },
  {
    title: 'a web server, clear',
    expected: 'not-f3',
    ping: async (scheme) => verdict(`${CLEAR[scheme]}://127.0.0.1:${await webServer()}`),
    not: NVFLARE,
  },
  {
    title: 'verifyEndpoint refuses, clear',
    expected: 'handshake-refused',
    ping: clear((url) => url, { verifyEndpoint: () => 'no token' }),
    not: NVFLARE,
  },
  {
    title: 'verifyEndpoint refuses, mtls',
    expected: 'handshake-refused',
    ping: tls({ verifyEndpoint: () => false }),
    not: NVFLARE,
  },
];

/** What was said, a row a situation and a column a transport. */
export class VerdictTable {
  readonly #rows = new Map<string, Map<string, string>>();

  note(situation: string, scheme: string, said: string): void {
    const row = this.#rows.get(situation) ?? new Map<string, string>();
    this.#rows.set(situation, row.set(scheme, said));
  }

  print(peer: string): void {
    const schemes = Object.keys(CLEAR);
    const table = [
      [peer, ...schemes.map((scheme) => `${scheme}, ${CLEAR[scheme as Scheme]}`)],
      ...[...this.#rows].map(([situation, row]) => [
        situation,
        ...schemes.map((scheme) => row.get(scheme) ?? '-'),
      ]),
    ];
    const lines = table.map((cells) =>
      cells
        .map((cell) => cell.padEnd(30))
        .join(' ')
        .trimEnd(),
    );
    process.stdout.write(`\nWhat ping says\n${lines.join('\n')}\n\n`);
  }
}
