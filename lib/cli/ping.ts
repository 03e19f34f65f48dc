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
import { probe, type ProbeEvent } from '../monitor/probe.js';
import type { Connection } from '../transport/connection.js';
import { endRequested } from './end-requested.js';
import { type Output, Printer } from './printer.js';
import { clientParams, newName, printDiagnosis } from './reach.js';
import type { TlsOptions } from './tls-options.js';

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
  const params = clientParams(url, options);
  const local = new Endpoint(options.name ?? newName('ping', options.cert));
  const driver = nodeDrivers().find(params.scheme);
  const { count, interval: intervalMs, timeout: timeoutMs } = options;
  const outputs$ = probe({ driver, params, local, count, intervalMs, timeoutMs }).pipe(
    narrateProbe,
    tap((output) => printer.print(output)),
    catchError((thrown: unknown) => {
      printDiagnosis(printer, thrown);
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
