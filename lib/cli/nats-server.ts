import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

import { catchError, filter, fromEvent, map, type Observable, tap } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import { logger } from '../log.js';
import { type Child, ChildEnd, childRun } from './child-run.js';

const log = logger('nats');

const HOST = '127.0.0.1';
/** The name of the file with its settings, which it is started with. */
const SETTINGS = 'rxflare-nats.conf';
/** NATS takes a free one. */
const ANY_PORT = -1;

/**
 * A server of NATS on a free port of the loopback address, with JetStream. Only who has its token gets in. Each
 * subscription is one run of it, the next ones on the same port.
 *
 * @param program - the path of `nats-server`
 * @param store - a folder for what it keeps, and for its settings, which no other user can read; made where it is missing
 * @param until$ - asks it to end
 * @returns its URL, with the token, when it is up. Errors as {@link childRun}, and with `BAD_CONFIG` where it does not start
 */
export function natsServer(program: string, store: string, until$: Observable<unknown>): Observable<string> {
  const token = randomBytes(24).toString('base64url');
  let port = ANY_PORT;
  let last = '';
  const start = (): Child<string> => {
    const settings = writeSettings(store, port, token);
    // In a group of its own: Ctrl-C is for the replicas first, which need it to leave.
    const child = spawn(program, ['--config', settings], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    child.once('close', () => rmSync(pidFileIn(store), { force: true }));
    const up$ = fromEvent(createInterface({ input: child.stderr }), 'line', String).pipe(
      tap((line) => {
        log('%s', line);
        last = line.replace(/^.*\[[A-Z]{3}\] /, '');
        port = Number(/Listening for client connections on .*:(\d+)$/.exec(line)?.[1] ?? port);
      }),
      filter((line) => line.endsWith('Server is ready')),
      map(() => `nats://${token}@${HOST}:${port}`),
    );
    return { process: child, up$ };
  };
  return childRun('nats-server', start, until$).pipe(
    catchError((error: unknown) => {
      if (!(error instanceof ChildEnd)) throw error;
      const message = last === '' ? error.message : `${error.message}: ${last}`;
      throw new CommError(CommErrorCode.BAD_CONFIG, message, { cause: error });
    }),
  );
}

/** Where the server says which process it is, while it runs. */
function pidFileIn(store: string): string {
  return resolve(store, 'rxflare-nats.pid');
}

/** The token is in a file, since other users can see arguments. */
function writeSettings(store: string, port: number, token: string): string {
  const path = join(store, SETTINGS);
  const pidFile = pidFileIn(store);
  requireFree(store, pidFile);
  const lines = [
    `listen: "${HOST}:${port}"`,
    `pid_file: ${JSON.stringify(pidFile)}`,
    `jetstream { store_dir: ${JSON.stringify(resolve(store))} }`,
    `authorization { token: "${token}" }`,
  ];
  try {
    mkdirSync(store, { recursive: true, mode: 0o700 });
    rmSync(path, { force: true });
    writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw CommError.from(error, '--nats-store', CommErrorCode.BAD_CONFIG);
  }
  return path;
}

/** Two servers would destroy what is in one folder. One that has lost its command still has it. */
function requireFree(store: string, pidFile: string): void {
  const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0;
  if (pid > 0 && isAlive(pid) && mayBeOurs(pid))
    throw new CommError(
      CommErrorCode.BAD_CONFIG,
      `--nats-store: process ${pid} has ${store}: end it, or give another folder`,
    );
}

/** After a power loss the number may be that of any process. Linux tells what it was started with. */
function mayBeOurs(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(SETTINGS);
  } catch {
    return true;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
