import { filter, firstValueFrom, merge, startWith, takeUntil } from 'rxjs';

import { CommError } from '../comm-error.js';
import { Endpoint } from '../endpoint.js';
import { Communicator, type DuplicateName } from '../index.js';
import { serveStats } from '../monitor/serve-stats.js';
import { Mode } from '../transport/driver.js';
import { checkClusterOptions, type ClusterOptions } from './cluster-options.js';
import { serveDashboard } from './dashboard.js';
import { endRequested } from './end-requested.js';
import { linkRequested } from './link-requested.js';
import { narrate, narrateMessages } from './narrate.js';
import { type Output, Printer } from './printer.js';
import { replicaOf, startOrEnd, withReplica } from './replica.js';
import { completeServerFromKit, type KitOptions } from './kit-options.js';
import { asksForTls, tlsResources } from './tls-options.js';
import { requirePorts, runsWorkers, runWorkers } from './workers.js';

/** The options of `rxflare listen`. */
export interface ListenOptions extends KitOptions, ClusterOptions {
  readonly app: number;
  readonly echo: boolean;
  readonly duplicateName: DuplicateName;
  readonly stats: boolean;
  readonly dashboard: boolean;
  readonly dashboardPort: number;
  readonly json: boolean;
}

const DEFAULT_NAME = 'hub';

/** `rxflare listen`: a hub that prints what happens, until a signal comes; with `--workers` several. */
export async function listenCommand(given: readonly string[], asked: ListenOptions): Promise<void> {
  const printer = new Printer(asked.json, { timed: true });
  checkClusterOptions(asked, { '--dashboard': asked.dashboard });
  if (runsWorkers(asked)) {
    await runWorkers(asked, printer);
    return;
  }
  const { urls, options, identityMap } = completeServerFromKit(given, asked, printer, DEFAULT_NAME);
  const { name = DEFAULT_NAME, app, echo, stats, dashboardPort, duplicateName } = options;
  requirePorts(urls);
  const view = await replicaOf(options, printer);
  const hub = new Communicator(new Endpoint(name, options.property), {
    identityMap,
    duplicateName,
    ...(view === undefined ? {} : { cluster: view }),
  });
  for (const url of urls)
    hub.addConnector(url, Mode.PASSIVE, asksForTls(options), tlsResources(options, 'server'));
  let isBound = false;
  merge(narrate(hub), narrateMessages(hub, app))
    .pipe(
      filter((output) => isBound || !isAttempt(output)),
      withReplica(view),
    )
    .subscribe((output) => printer.print(output));
  if (echo) {
    hub.registerMessageReceiver(app, ({ endpoint, message }) => {
      if (!hub.send(endpoint, app, message)) return firstValueFrom(hub.drained(endpoint));
      return undefined;
    });
  }
  const dashboard = options.dashboard ? await serveDashboard(hub, dashboardPort, app) : undefined;
  if (stats) serveStats(hub, { history: true });
  else if (dashboard !== undefined) serveStats(hub, { allow: dashboard.isPage, history: true });
  const ended = firstValueFrom(endRequested());
  try {
    await startOrEnd(hub, ended);
    isBound = true;
    if (dashboard !== undefined) {
      linkRequested()
        .pipe(startWith(undefined), takeUntil(ended))
        .subscribe(() => printer.print({ event: 'dashboard', url: dashboard.newLink() }));
    }
    await ended;
    await hub.stop();
  } catch (error) {
    throw CommError.from(error);
  } finally {
    dashboard?.close();
  }
}

/** A listener that cannot be bound at first is not tried again: the command ends, and says why. */
export function isAttempt(output: Output): boolean {
  return output.event === 'error' && output.retryMs !== undefined;
}
