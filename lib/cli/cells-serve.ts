import { filter, firstValueFrom, type Observable } from 'rxjs';

import { Cell, CellDiagnostics } from '../cellnet/index.js';
import { CommError, CommErrorCode } from '../comm-error.js';
import { Endpoint } from '../endpoint.js';
import { Communicator, type DuplicateName } from '../index.js';
import { Mode } from '../transport/driver.js';
import { type CellCommandOptions, payloadOf, type PayloadOptions, type Place } from './cells-options.js';
import { tellCellMessage } from './cells-request.js';
import { endRequested } from './end-requested.js';
import { checkClusterOptions, type ClusterOptions, isClustered } from './cluster-options.js';
import { completeFromKit, completeServerFromKit, isBound } from './kit-options.js';
import { isAttempt } from './listen.js';
import { narrate } from './narrate.js';
import { Printer } from './printer.js';
import { newName } from './reach.js';
import { replicaOf, startOrEnd, withReplica } from './replica.js';
import { asksForTls, tlsResources } from './tls-options.js';
import { requirePorts, runsWorkers, runWorkers } from './workers.js';

/** What a command that waits for other cells has. */
export interface PlaceOptions extends CellCommandOptions, ClusterOptions {
  /** The cell to connect to, which we are a child of. Default: listen. */
  readonly parent?: string;
  /** Default: that of the communicator. */
  readonly duplicateName?: DuplicateName;
}

/** The options of `rxflare serve`. */
export interface ServeOptions extends PlaceOptions, Place, PayloadOptions {
  readonly echo: boolean;
  readonly diagnostics: boolean;
}

/** NVFlare's name for the root that all families of cells connect to. */
const ROOT = 'server';

/** `rxflare serve`: answers the requests of a topic, and prints them, until a signal comes. */
export async function serveCommand(urls: readonly string[], given: ServeOptions): Promise<void> {
  const { channel, topic, echo, diagnostics, parent, json } = given;
  const printer = new Printer(json, { timed: true });
  checkClusterOptions(given);
  if (parent !== undefined && isClustered(given))
    throw new CommError(
      CommErrorCode.BAD_CONFIG,
      'expected --cluster (or RXFLARE_CLUSTER) or --parent: a child is one process',
    );
  if (runsWorkers(given)) {
    await runWorkers(given, printer);
    return;
  }
  const reply = payloadOf(given);
  if (echo && reply !== undefined)
    throw new CommError(CommErrorCode.BAD_CONFIG, 'expected --echo, --payload or --value, got two');
  await standAsCell(urls, given, printer, 'serve', (cell) => {
    if (diagnostics) new CellDiagnostics(cell).answer();
    cell.handle(channel, topic, (request) => {
      printer.print(tellCellMessage('request', request));
      return echo ? request.payload : reply;
    });
    return endRequested();
  });
}

/**
 * Listens as a cell, or connects to its parent, and prints what happens until `until` emits.
 *
 * @param command - our own name as a child begins with that, where it has none
 * @param until - given our cell, which has not started yet, and whether strangers can connect: it listens, and not under
 * mutual TLS
 * @throws CommError `BAD_CONFIG` for a name or a number of URLs that cannot be; what `until` errors with
 */
export async function standAsCell(
  given: readonly string[],
  asked: PlaceOptions,
  printer: Printer,
  command: string,
  until: (cell: Cell, isOpen: boolean) => Observable<unknown>,
): Promise<void> {
  const { parent } = asked;
  const { urls, options, identityMap } =
    parent === undefined
      ? completeServerFromKit(given, asked, printer, ROOT)
      : asChild(given, asked, printer);
  const name =
    parent === undefined
      ? (options.name ?? ROOT)
      : childName(parent, options.name ?? newName(command, options.cert));
  const role = parent === undefined ? 'server' : 'client';
  requirePorts(urls);
  const view = command === 'serve' && parent === undefined ? await replicaOf(options, printer) : undefined;
  const local = new Endpoint(name, { ...options.property, fqcn: name });
  const { duplicateName } = asked;
  const site = new Communicator(local, {
    identityMap,
    ...(duplicateName === undefined ? {} : { duplicateName }),
    ...(view === undefined ? {} : { cluster: view }),
  });
  const mode = parent === undefined ? Mode.PASSIVE : Mode.ACTIVE;
  for (const url of urls) site.addConnector(url, mode, asksForTls(options), tlsResources(options, role));
  const cell = new Cell(site, { dialect: options.dialect });
  const isOpen = parent === undefined && !urls.every((url) => isBound(url, options));
  let isUp = parent !== undefined;
  narrate(site)
    .pipe(
      filter((output) => isUp || !isAttempt(output)),
      withReplica(view),
    )
    .subscribe((output) => printer.print(output));
  const ended = firstValueFrom(until(cell, isOpen), { defaultValue: undefined });
  try {
    await Promise.all([startOrEnd(site, ended).then(() => (isUp = true)), ended]);
    await cell.close();
  } finally {
    await site.stop();
  }
}

function asChild(given: readonly string[], asked: PlaceOptions, printer: Printer) {
  const [url, second] = given;
  if (second !== undefined)
    throw new CommError(CommErrorCode.BAD_CONFIG, 'expected one URL with --parent, got several');
  const { url: found, options, identityMap } = completeFromKit(url, asked, printer);
  return { urls: [found], options, identityMap };
}

/** Below its parent, or below the server as the root of a family; a full name stays as it is. */
function childName(parent: string, name: string): string {
  return parent === ROOT || name.includes('.') ? name : `${parent}.${name}`;
}
