import cluster from 'node:cluster';
import type { Readable, Writable } from 'node:stream';

import {
  catchError,
  EMPTY,
  filter,
  finalize,
  fromEvent,
  ignoreElements,
  lastValueFrom,
  map,
  merge,
  mergeMap,
  type Observable,
  ReplaySubject,
  share,
  shareReplay,
  take,
  tap,
} from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { Retry } from '../transport/reconnect.js';
import { parseUrl } from '../transport/url.js';
import { ChildEnd, childRun, keepRunning } from './child-run.js';
import { type ClusterOptions, URL_VARIABLE } from './cluster-options.js';
import { endRequested } from './end-requested.js';
import { printFailure } from './failure.js';
import { natsServer } from './nats-server.js';
import type { Printer } from './printer.js';
import { isWorker, NUMBER_VARIABLE, UP } from './worker.js';

/** Variables of the environment of workers. */
type Environment = Readonly<Record<string, string>>;

/** Whether this process is to run workers, and is none itself. */
export function runsWorkers({ workers }: ClusterOptions): boolean {
  return workers !== undefined && !isWorker();
}

/** Lets a worker end: nothing else would close its channel. */
export function leaveWorkers(): void {
  cluster.worker?.disconnect();
}

/**
 * Workers take the connections of one port in turns.
 *
 * @throws CommError `BAD_CONFIG` for a URL without a port, such as a folder
 */
export function requirePorts(urls: readonly string[]): void {
  const odd = urls.map(parseUrl).find(({ port }) => port === undefined);
  if (!isWorker() || odd === undefined) return;
  throw new CommError(CommErrorCode.BAD_CONFIG, `--workers share ports, and ${odd.scheme} has none`);
}

/**
 * Runs the command in as many processes as `--workers` says, until a signal comes, and the server of NATS that they are
 * given. A process that ends is started again. The first worker goes ahead: where it does not come up, the others would not
 * either, and the command ends with its exit code.
 *
 * All are asked to end at once: a site whose connection is closed finds no listener that takes it, and none that it must
 * leave again. What they send each other meanwhile is written out before any of them closes.
 */
export async function runWorkers(options: ClusterOptions, printer: Printer): Promise<void> {
  const halt$ = endRequested().pipe(shareReplay({ bufferSize: 1, refCount: false }));
  halt$.subscribe();
  // A second signal does not end us before the workers.
  const signals = merge(fromEvent(process, 'SIGINT'), fromEvent(process, 'SIGTERM')).subscribe();
  cluster.setupPrimary({ stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const { workers: count = 1, natsServer: program, natsStore: store = '' } = options;
  const workers = (environment: Environment): Observable<never> =>
    allWorkers(count, environment, halt$, printer);
  const all$ = program === undefined ? workers({}) : withServer(program, store, workers, printer);
  const failed$ = all$.pipe(
    catchError((error: unknown) => {
      // A worker has said itself what is wrong.
      if (error instanceof ChildEnd && (error.exitCode ?? 0) > 0) process.exitCode = error.exitCode ?? 1;
      else printFailure(printer, error);
      return EMPTY;
    }),
  );
  await lastValueFrom(failed$, { defaultValue: undefined });
  signals.unsubscribe();
}

function allWorkers(
  count: number,
  environment: Environment,
  halt$: Observable<unknown>,
  printer: Printer,
): Observable<never> {
  const kept = (number: number) =>
    worker(number, environment, halt$).pipe(
      tap({
        error: (error: unknown) => {
          if (error instanceof ChildEnd && error.wasAsked) printFailure(printer, error);
        },
      }),
      keepRunning(halt$),
    );
  const first$ = kept(1).pipe(share());
  const others$ = upOrError(first$).pipe(
    mergeMap(() => merge(...Array.from({ length: count - 1 }, (_, index) => kept(index + 2)))),
  );
  return merge(others$, first$).pipe(
    tap((event) => tellRetry(event, printer)),
    ignoreElements(),
  );
}

/** Runs a server of NATS while `workers` run, which get its URL. */
function withServer(
  program: string,
  store: string,
  workers: (environment: Environment) => Observable<never>,
  printer: Printer,
): Observable<never> {
  const done$ = new ReplaySubject<void>(1);
  const server$ = natsServer(program, store, done$).pipe(keepRunning(done$), share());
  const workers$ = upOrError(server$).pipe(
    mergeMap((url) => workers({ [URL_VARIABLE]: url })),
    finalize(() => done$.next()),
  );
  return merge(workers$, server$).pipe(
    tap((event) => tellRetry(event, printer)),
    ignoreElements(),
  );
}

/** The first value of what runs; an error where it ends before that. */
function upOrError<T>(event$: Observable<T | Retry>): Observable<T> {
  return event$.pipe(
    take(1),
    map((event) => {
      if (isRetry(event)) throw event.error;
      return event;
    }),
  );
}

function tellRetry(event: unknown, printer: Printer): void {
  if (!isRetry(event)) return;
  const { code, message } = CommError.from(event.error);
  printer.print({ event: 'error', code, message, retryMs: Math.round(event.delayMs) });
}

function isRetry(event: unknown): event is Retry {
  return typeof event === 'object' && event !== null && 'type' in event && event.type === 'retry';
}

function worker(number: number, environment: Environment, halt$: Observable<unknown>): Observable<typeof UP> {
  const start = () => {
    const { process: child } = cluster.fork({ ...environment, [NUMBER_VARIABLE]: String(number) });
    if (child.stdout !== null) passLines(child.stdout, process.stdout);
    if (child.stderr !== null) passLines(child.stderr, process.stderr);
    const up$ = fromEvent(child, 'message', (message: unknown) => message).pipe(
      filter((message) => message === UP),
    );
    return { process: child, up$ };
  };
  return childRun(`worker ${number}`, start, halt$);
}

/** Passes on whole lines, so that those of several processes do not mix. */
function passLines(from: Readable, to: Writable): void {
  let pieces: Buffer[] = [];
  from.on('data', (chunk: Buffer) => {
    const end = chunk.lastIndexOf('\n') + 1;
    if (end > 0) to.write(Buffer.concat([...pieces.splice(0), chunk.subarray(0, end)]));
    if (end < chunk.length) pieces.push(chunk.subarray(end));
  });
  from.on('end', () => {
    if (pieces.length > 0) to.write(Buffer.concat([...pieces, Buffer.from('\n')]));
    pieces = [];
  });
}
