import { catchError, lastValueFrom, share, takeUntil, tap } from 'rxjs';

import { Endpoint } from '../endpoint.js';
import { nodeDrivers } from '../index.js';
import { probe } from '../monitor/probe.js';
import { WATCHER_PROPERTIES } from '../watcher.js';
import { endRequested } from './end-requested.js';
import { ExitCode } from './exit-code.js';
import { explainFailure } from './explain-failure.js';
import { narrateProbe } from './narrate-probe.js';
import { Printer } from './printer.js';
import { completeFromKit, type KitOptions } from './kit-options.js';
import { clientParams, newName } from './reach.js';

/** The options of `rxflare ping`. */
export interface PingOptions extends KitOptions {
  readonly count: number;
  readonly interval: number;
  readonly timeout: number;
  readonly json: boolean;
}

/** `rxflare ping`: can this machine reach that endpoint, over this transport, with these certificates? */
export async function pingCommand(url: string | undefined, given: PingOptions): Promise<void> {
  const printer = new Printer(given.json);
  const { url: target, options, identityMap } = completeFromKit(url, given, printer);
  const params = clientParams(target, options);
  const local = new Endpoint(options.name ?? newName('ping', options.cert), {
    ...WATCHER_PROPERTIES,
    ...options.property,
  });
  const driver = nodeDrivers().find(params.scheme);
  const { count, interval: intervalMs, timeout: timeoutMs } = options;
  let ended = ExitCode.OK as ExitCode;
  const until$ = endRequested().pipe(
    tap((exitCode) => (ended = exitCode)),
    share(),
  );
  const outputs$ = probe({ driver, params, local, identityMap, count, intervalMs, timeoutMs, until$ }).pipe(
    narrateProbe, // Which sums up what was seen until the end was requested.
    tap((output) => printer.print(output)),
    catchError((thrown: unknown) =>
      explainFailure(printer, thrown, { params, local, identityMap, timeoutMs }).pipe(takeUntil(until$)),
    ),
  );
  const last = await lastValueFrom(outputs$, { defaultValue: undefined });
  if (ended !== ExitCode.OK && last?.event !== 'summary') process.exitCode = ended;
}
