import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';

import {
  catchError,
  concat,
  defer,
  EMPTY,
  lastValueFrom,
  mergeMap,
  type Observable,
  of,
  takeUntil,
  tap,
} from 'rxjs';
import { match } from 'ts-pattern';

import { Endpoint } from '../endpoint.js';
import { nodeDrivers } from '../index.js';
import { diagnose } from '../probe/diagnose.js';
import { probe, type ProbeEvent } from '../probe/probe.js';
import type { Connection } from '../transport/connection.js';
import { isTrue, parseUrl } from '../transport/url.js';
import { endRequested } from './end-requested.js';
import { type Output, Printer } from './printer.js';
import { asksForTls, type TlsOptions, tlsResources } from './tls-options.js';

interface PingOptions extends TlsOptions {
  readonly name?: string;
  readonly count: number;
  readonly interval: number;
  readonly timeout: number;
  readonly json: boolean;
}

/** `rxflare ping`: can this machine reach that endpoint, over this transport, with these certificates? */
export async function pingCommand(url: string, options: PingOptions): Promise<void> {
  const printer = new Printer(options.json);
  const parsed = parseUrl(url);
  const params = {
    ...parsed,
    ...tlsResources(options, 'client'),
    secure: asksForTls(options) || isTrue(parsed.secure),
  };
  const local = new Endpoint(options.name ?? newName(options.cert));
  const driver = nodeDrivers().find(params.scheme);
  const { count, interval: intervalMs, timeout: timeoutMs } = options;
  const outputs$ = probe({ driver, params, local, count, intervalMs, timeoutMs }).pipe(
    narrateProbe,
    tap((output) => printer.print(output)),
    catchError((thrown: unknown) => {
      const { diagnosis, text, error } = diagnose(thrown);
      printer.print({ event: 'error', code: error.code, message: `${text} (${error.message})`, diagnosis });
      process.exitCode = 1;
      return EMPTY;
    }),
    takeUntil(endRequested()),
  );
  await lastValueFrom(outputs$, { defaultValue: undefined });
}

/** The findings of a probe in the words of the command, and a summary of the round trips at the end. */
function narrateProbe(events$: Observable<ProbeEvent>): Observable<Output> {
  return defer(() => {
    const rtts: number[] = [];
    let connected: { connection: Connection; connectMs: number } | undefined;
    const told$ = events$.pipe(
      mergeMap((event) =>
        match(event)
          .returnType<Output[]>()
          .with({ type: 'connected' }, (found) => {
            connected = found;
            return [];
          })
          .with({ type: 'ready' }, ({ endpoint, handshakeMs }) => [
            {
              event: 'ready',
              name: endpoint.name,
              address: connected?.connection.properties.peer_addr ?? '',
              connectMs: connected?.connectMs ?? 0,
              handshakeMs,
              tls: connected?.connection.properties.tls ?? null,
              peerCn: connected?.connection.properties.peer_cn ?? null,
              properties: endpoint.properties,
            },
          ])
          .with({ type: 'pong' }, ({ rttMs }) => {
            rtts.push(rttMs);
            return [{ event: 'pong', rttMs }];
          })
          .exhaustive(),
      ),
    );
    return concat(
      told$,
      defer(() => of(summary(rtts))),
    );
  });
}

function summary(rtts: readonly number[]): Output {
  const total = rtts.reduce((sum, rtt) => sum + rtt, 0);
  const [minMs, maxMs, avgMs] = [Math.min(...rtts), Math.max(...rtts), total / rtts.length];
  return { event: 'summary', sent: rtts.length, minMs, avgMs, maxMs };
}

/**
 * A name that nobody has, since a second connection under a name closes the first. With a certificate it is one
 * below the certificate's name, which passes the name binding of mtls.
 */
function newName(certificate: string | undefined): string {
  const unique = `ping-${randomBytes(4).toString('hex')}`;
  if (certificate === undefined || !existsSync(certificate)) return unique;
  const commonName = /^CN=(.+)$/m.exec(new X509Certificate(readFileSync(certificate)).subject)?.[1];
  return commonName === undefined ? unique : `${commonName}.${unique}`;
}
