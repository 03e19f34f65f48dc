import {
  catchError,
  filter,
  firstValueFrom,
  lastValueFrom,
  map,
  mergeMap,
  NEVER,
  type Observable,
  of,
  throwError,
  toArray,
} from 'rxjs';

import { Communicator, Endpoint, EndpointState, Mode } from '../../lib/browser.js';
import { Cell, CellError, type CellOptions, type RequestOptions } from '../../lib/cellnet/index.js';
import type { FobsValue } from '../../lib/fobs/index.js';

/** What the page lets the test do; bytes are told by `{ length, sha256 }`, and made by `{ pattern: length }`. */
export interface CellPage {
  /** Becomes a cell below the server. */
  join(name: string, url: string, options: CellOptions): Promise<void>;
  /** What a cell replies, or the return code. */
  ask(target: string, topic: string, payload: unknown, options?: Asking): Promise<unknown>;
  /** The same of several, by target. */
  askAll(targets: readonly string[], topic: string, payload: unknown): Promise<unknown>;
  /** Sends a stream; how many bytes were sent, or why not. */
  send(target: string, name: string, length: number): Promise<unknown>;
  /** The stream of this name, when it has come. */
  received(name: string): Promise<unknown>;
  stop(): Promise<void>;
}

type Asking = RequestOptions & { readonly channel?: string };

declare global {
  interface Window {
    cell: CellPage;
  }
}

let communicator: Communicator | undefined;
let cell: Cell | undefined;
const streams = new Map<string, Promise<unknown>>();
const arrivals: (() => void)[] = [];

function joined(): Cell {
  if (cell === undefined) throw new Error('join first');
  return cell;
}

function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) bytes[index] = index * 31;
  return bytes;
}

function made(payload: unknown): FobsValue {
  const isPattern = typeof payload === 'object' && payload !== null && 'pattern' in payload;
  return isPattern ? pattern(Number(payload.pattern)) : (payload as FobsValue);
}

async function told(value: FobsValue): Promise<unknown> {
  if (!(value instanceof Uint8Array)) return value;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', value.slice()));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { length: value.length, sha256 };
}

const orCode = (error: unknown): Observable<unknown> =>
  of(error instanceof CellError ? error.returnCode : String(error));

window.cell = {
  async join(name, url, options) {
    communicator = new Communicator(new Endpoint(name, { fqcn: name }));
    cell = new Cell(communicator, options);
    for (const channel of ['task', 'app']) {
      cell.handle(channel, 'echo', ({ payload }) => payload);
      cell.handle(channel, 'large', ({ payload }) => pattern(payload as number));
      cell.handle(channel, 'silent', () => NEVER);
      cell.handle(channel, 'fail', () => throwError(() => new Error('a secret')));
    }
    cell.streams('blobs', '*').subscribe((stream) => {
      streams.set(stream.headers.name as string, firstValueFrom(stream.bytes$).then(told, String));
      for (const arrived of arrivals) arrived();
    });
    communicator.addConnector(url, Mode.ACTIVE);
    await communicator.start();
    const isReady = filter((server: Endpoint | undefined) => server?.state === EndpointState.READY);
    await firstValueFrom(communicator.endpoint('server').pipe(isReady));
  },

  ask(target, topic, payload, { channel = 'task', ...options } = {}) {
    const reply$ = joined().request(target, channel, topic, made(payload), options);
    return firstValueFrom(
      reply$.pipe(
        mergeMap((reply) => told(reply.payload)),
        catchError(orCode),
      ),
    );
  },

  async askAll(targets, topic, payload) {
    const outcomes$ = joined().broadcast(targets, 'task', topic, made(payload));
    const entries$ = outcomes$.pipe(
      map(({ target, reply, error }) => [target, error?.returnCode ?? reply?.payload] as const),
      toArray(),
    );
    return Object.fromEntries(await lastValueFrom(entries$));
  },

  send(target, name, length) {
    const sent$ = joined().sendStream(target, 'blobs', 'from a page', pattern(length), { headers: { name } });
    return lastValueFrom(
      sent$.pipe(
        map(({ sentBytes }): unknown => sentBytes),
        catchError(orCode),
      ),
    );
  },

  async received(name) {
    while (!streams.has(name)) await new Promise<void>((resolve) => arrivals.push(resolve));
    return streams.get(name);
  },

  async stop() {
    await communicator?.stop();
  },
};
