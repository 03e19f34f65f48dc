import { defer, map, mergeMap, type Observable, reduce, Subscription, take } from 'rxjs';
import { isMatching, P } from 'ts-pattern';

import type { FobsValue } from '../fobs/value.js';
import { isBytes } from '../is-bytes.js';
import type { MessageHeaders } from '../message.js';
import type { Cell } from './cell.js';
import { CellError } from './cell-error.js';
import { DIAGNOSTICS_CHANNEL } from './channels.js';
import { routeOf } from './headers.js';
import { parentOf, ROOT } from './next-hop.js';
import { ReturnCode } from './return-code.js';

const Topic = { PEERS: 'peers', CELLS: 'cells', ROUTE: 'route', ECHO: 'echo', CONNS: 'conns' } as const;

/** The cells that a request passed, and its reply; each begins with its sender. */
export interface CellRoute {
  readonly there: readonly string[];
  readonly back: readonly string[];
}

/** How a diagnostic is asked. */
export interface DiagnosticsOptions {
  /** How long each question waits, in milliseconds. Default: 2,000. NVFlare waits 1,100 for the cells below a server. */
  readonly timeoutMs?: number;
}

const ECHO_BYTES = 32;
/** What NVFlare gives all that are below a cell, in milliseconds: this for each level, so that the answer is in time. */
const BELOW_TIMEOUT_MS = 1_000;
/** Names of administrators' sessions, which are no cells to ask. */
const ADMIN_PREFIX = '_admin_';

/** Of more cells below us nothing is told. */
const MAX_NAMES = 10_000;

const isTexts = isMatching(P.array(P.string));
const isMap = isMatching(P.record(P.string, P.any));

/**
 * The diagnostics of NVFlare's cells, which each process of NVFlare answers: who is connected to a cell, which cells are
 * below it, the way there, and the round trip.
 *
 * All questions are cold and error as `request` does; with `invalid_request` for an answer of another form.
 */
export class CellDiagnostics {
  readonly #cell: Cell;
  readonly #timeoutMs: number;

  /** The questions go out through this cell. */
  constructor(cell: Cell, { timeoutMs = 2_000 }: DiagnosticsOptions = {}) {
    this.#cell = cell;
    this.#timeoutMs = timeoutMs;
  }

  /** The names of the neighbours of a cell. */
  peers(target: string): Observable<readonly string[]> {
    return this.#ask(target, Topic.PEERS).pipe(map(({ payload }) => checked(target, isTexts, payload)));
  }

  /**
   * The names of a cell and of all that are below it; below `server` are all clients. What is no name is what NVFlare says
   * of a cell that did not answer it.
   */
  cells(target: string): Observable<readonly string[]> {
    return this.#ask(target, Topic.CELLS).pipe(map(({ payload }) => checked(target, isTexts, payload)));
  }

  /** The way to a cell and back. */
  route(target: string): Observable<CellRoute> {
    return this.#ask(target, Topic.ROUTE).pipe(
      map(({ payload, headers }) => {
        const names = (from: MessageHeaders) => (routeOf(from) ?? []).map(([name]) => name);
        const there = names(checked(target, isMap, payload) as MessageHeaders);
        // A cell of NVFlare puts itself on the route of what it receives.
        return { there: there.at(-1) === target ? there.slice(0, -1) : there, back: names(headers) };
      }),
    );
  }

  /** The round trip to a cell, in milliseconds. */
  echo(target: string): Observable<number> {
    return defer(() => {
      const sent = crypto.getRandomValues(new Uint8Array(ECHO_BYTES));
      const sentAt = performance.now();
      return this.#ask(target, Topic.ECHO, sent).pipe(
        map(({ payload }) => {
          const bytes = checked(target, isBytes, payload);
          if (bytes.length !== sent.length || bytes.some((byte, index) => byte !== sent[index]))
            throw otherForm(target);
          return performance.now() - sentAt;
        }),
      );
    });
  }

  /** The listeners and connectors of a cell, as NVFlare tells them: a map with `ext_listeners`, `bb_ext_connector`, … */
  conns(target: string): Observable<Readonly<Record<string, unknown>>> {
    return this.#ask(target, Topic.CONNS).pipe(map(({ payload }) => checked(target, isMap, payload)));
  }

  /**
   * Answers the questions of others until it is unsubscribed: `peers`, `cells`, `route` and `echo`. All that reach this
   * cell learn the names of those around it. `conns`, which tells addresses, and what lets NVFlare's cells be stopped or
   * loaded from elsewhere is not answered.
   *
   * @throws CommError `BAD_CONFIG` where these topics have handlers already
   */
  answer(): Subscription {
    const cell = this.#cell;
    const answers = new Subscription();
    try {
      answers.add(cell.handle(DIAGNOSTICS_CHANNEL, Topic.PEERS, () => this.#neighbours()));
      answers.add(cell.handle(DIAGNOSTICS_CHANNEL, Topic.CELLS, () => this.#below()));
      answers.add(cell.handle(DIAGNOSTICS_CHANNEL, Topic.ROUTE, ({ headers }) => plain(headers)));
      answers.add(cell.handle(DIAGNOSTICS_CHANNEL, Topic.ECHO, ({ payload }) => payload));
    } catch (error) {
      answers.unsubscribe();
      throw error;
    }
    return answers;
  }

  #ask(target: string, topic: string, payload?: FobsValue) {
    return this.#cell.request(target, DIAGNOSTICS_CHANNEL, topic, payload, { timeoutMs: this.#timeoutMs });
  }

  #neighbours(): Observable<string[]> {
    return this.#cell.cells$.pipe(
      take(1),
      map((cells) => [...cells.values()].filter(({ fqcn, via }) => fqcn === via).map(({ fqcn }) => fqcn)),
    );
  }

  #below(): Observable<readonly string[]> {
    const { fqcn } = this.#cell;
    const timeoutMs = BELOW_TIMEOUT_MS / fqcn.split('.').length;
    return this.#neighbours().pipe(
      map((names) => names.filter((name) => isBelow(fqcn, name))),
      mergeMap((names) =>
        this.#cell.broadcast(names, DIAGNOSTICS_CHANNEL, Topic.CELLS, undefined, { timeoutMs }),
      ),
      map(({ target, reply, error }) =>
        reply === undefined ? [`no reply from ${target}: ${error.returnCode}`] : reply.payload,
      ),
      reduce(
        (all, answer) => {
          all.push(...firstNames(answer, MAX_NAMES - all.length));
          return all;
        },
        [fqcn],
      ),
    );
  }
}

/** Whether a neighbour is below us, as NVFlare counts it: a child, or of the server, the root of a family of clients. */
function isBelow(self: string, name: string): boolean {
  if (name.startsWith(ADMIN_PREFIX)) return false;
  return parentOf(name) === (self === ROOT && name !== ROOT && !name.includes('.') ? undefined : self);
}

/** The first names of an answer; none where it is no list of names. An answer may have a million. */
export function firstNames(answer: unknown, most: number): readonly string[] {
  const names: unknown = Array.isArray(answer) ? answer.slice(0, most) : undefined;
  return isTexts(names) ? names : [];
}

function checked<T>(target: string, isIt: (value: unknown) => value is T, value: unknown): T {
  if (isIt(value)) return value;
  throw otherForm(target);
}

function otherForm(target: string): CellError {
  const text = `cell ${target}: its answer is none to the question`;
  return new CellError(ReturnCode.INVALID_REQUEST, text, target);
}

/** Headers as a payload. */
function plain(headers: MessageHeaders): FobsValue {
  return Object.fromEntries<FobsValue>(Object.entries(headers) as [string, string][]);
}
