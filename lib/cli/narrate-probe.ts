import { connect, filter, map, merge, type Observable, scan, toArray } from 'rxjs';
import { match } from 'ts-pattern';

import { hideSecrets } from '../monitor/hide-secrets.js';
import type { ProbeEvent } from '../monitor/probe.js';
import type { Output } from './printer.js';

type Found<T extends ProbeEvent['type']> = Extract<ProbeEvent, { readonly type: T }>;

/** The findings of a probe in the words of the command, and a summary of the round trips at the end, if there were any. */
export function narrateProbe(event$: Observable<ProbeEvent>): Observable<Output> {
  return event$.pipe(connect((shared$) => merge(findings(shared$), summary(shared$))));
}

interface Finding {
  readonly connected: Found<'connected'> | undefined;
  /** What to print about the last event. */
  readonly output: Output | undefined;
}

const NOTHING: Finding = { connected: undefined, output: undefined };

function findings(event$: Observable<ProbeEvent>): Observable<Output> {
  return event$.pipe(
    scan(nextFinding, NOTHING),
    map(({ output }) => output),
    filter((output) => output !== undefined),
  );
}

function nextFinding({ connected }: Finding, event: ProbeEvent): Finding {
  return match(event)
    .returnType<Finding>()
    .with({ type: 'connected' }, (found) => ({ connected: found, output: undefined }))
    .with({ type: 'ready' }, (found) => ({ connected, output: describeReady(connected, found) }))
    .with({ type: 'pong' }, ({ rttMs }) => ({ connected, output: { event: 'pong', rttMs } }))
    .exhaustive();
}

function describeReady(
  connected: Found<'connected'> | undefined,
  { endpoint, handshakeMs }: Found<'ready'>,
): Output {
  const { connectMs = 0, connection } = connected ?? {};
  const { peer_addr = '', tls = null, peer_cn = null } = connection?.properties ?? {};
  return {
    event: 'ready',
    name: endpoint.name,
    address: peer_addr,
    connectMs,
    handshakeMs,
    tls,
    peerCn: peer_cn,
    properties: hideSecrets(endpoint.properties),
  };
}

function summary(event$: Observable<ProbeEvent>): Observable<Output> {
  return event$.pipe(
    filter((event) => event.type === 'pong'),
    map(({ rttMs }) => rttMs),
    toArray(),
    filter(({ length }) => length > 0),
    map((rtts): Output => {
      const over = (combine: (one: number, other: number) => number) =>
        rtts.reduce((one, other) => combine(one, other));
      const [minMs, maxMs] = [over(Math.min), over(Math.max)];
      const avgMs = over((one, other) => one + other) / rtts.length;
      return { event: 'summary', sent: rtts.length, minMs, avgMs, maxMs };
    }),
  );
}
