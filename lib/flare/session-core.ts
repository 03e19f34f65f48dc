import {
  BehaviorSubject,
  catchError,
  defer,
  distinctUntilChanged,
  EMPTY,
  exhaustMap,
  filter,
  firstValueFrom,
  map,
  merge,
  NEVER,
  type Observable,
  of,
  race,
  repeat,
  type SchedulerLike,
  Subject,
  switchMap,
  take,
  takeWhile,
  tap,
  throwError,
  timeout,
  timer,
} from 'rxjs';

import type { Cell } from '../cellnet/cell.js';
import { messageOf } from '../comm-error.js';
import { isReady } from '../endpoint.js';
import type { Communicator } from '../index.js';
import { logger } from '../log.js';
import { LONGEST_TIMER_MS } from '../longest-timer.js';
import type { MessageHeaders } from '../message.js';
import { quoted } from '../quoted.js';
import { type CommandReply, parseReply, refusalOf, rowsIn, textIn } from './command-reply.js';
import { FlareError, FlareStatus } from './flare-error.js';
import type { Identity } from './identity.js';
import { SERVER } from './register-cell.js';
import { versionsIn } from './reported.js';
import type { SessionOptions } from './session-options.js';

/** Where commands go. Source: `CellChannel.HCI` of `nvflare/fuel/f3/cellnet/defs.py` and `nvflare/fuel/hci/client/api.py`. */
const CHANNEL = 'hci_channel';
const COMMAND = 'command';
const EXPIRED = 'SESSION_EXPIRED';
/** Source: `InternalCommands.CHECK_SESSION` of `nvflare/fuel/hci/proto.py`. */
const CHECK = '_check_session';

/** How much longer than the server we wait, so that it can answer that it has waited in vain. */
const MARGIN_MS = 5_000;

/** An end is an end, whether or not the server hears of it. */
const LOGOUT_TIMEOUT_MS = 2_000;

const log = logger('flare');

/** Whether a session can be used. `reconnecting`: commands wait for the server. `error` is absent where we ended it. */
export type SessionState =
  | { readonly type: 'connected' }
  | { readonly type: 'reconnecting' }
  | { readonly type: 'ended'; readonly error?: FlareError };

/** How one command is sent. */
export interface CommandOptions {
  /** What a few commands take beside their words (`cmd_props`): a value that has a form in JSON. */
  readonly props?: unknown;
  /** How long the server waits for what it asks of sites, in milliseconds. Default: `commandTimeoutMs` of the session. */
  readonly timeoutMs?: number | undefined;
  /** Headers of the message. */
  readonly headers?: MessageHeaders;
}

/** What a session is made of. */
export interface SessionParts {
  readonly communicator: Communicator;
  readonly cell: Cell;
  readonly identity: Identity;
  readonly options: Required<SessionOptions>;
}

/**
 * A session as the modules of this directory use it: its cell, who it is, and commands. What is secret has no name here, and
 * leaves by {@link SessionCore.commandText} alone.
 */
export class SessionCore {
  readonly cell: Cell;
  /** The user, with certificate and signatures. */
  readonly identity: Identity;
  readonly scheduler: SchedulerLike;
  /** Whether the session can be used: now, and on each change. Completes when it has ended. */
  readonly state$: Observable<SessionState>;
  /** Emits when we close the session; errors with FlareError when it ends otherwise. */
  readonly end$: Observable<unknown>;
  /** The version of the server, such as `2.9.0`; `2.7` or `2.8`, told by its commands, of one that does not tell. */
  serverVersion = '2.7';
  /** See {@link SessionOptions.commandTimeoutMs}. */
  commandTimeoutMs: number;

  readonly #communicator: Communicator;
  readonly #state = new BehaviorSubject<SessionState>({ type: 'connected' });
  #commands: ReadonlySet<string> | undefined;
  #token: string | undefined;
  #stopped: Promise<void> | undefined;

  constructor({ communicator, cell, identity, options }: SessionParts) {
    this.#communicator = communicator;
    this.cell = cell;
    this.identity = identity;
    this.scheduler = options.scheduler;
    this.commandTimeoutMs = options.commandTimeoutMs;
    this.state$ = this.#state.pipe(
      takeWhile(({ type }) => type !== 'ended', true),
      distinctUntilChanged((one, other) => one.type === other.type),
    );
    this.end$ = this.#state.pipe(
      filter((state) => state.type === 'ended'),
      map(({ error }) => {
        if (error !== undefined) throw error;
      }),
    );
    const isHere$ = communicator.endpoint(SERVER).pipe(map(isReady), distinctUntilChanged());
    const changes$ = merge(
      isHere$.pipe(map((isHere): SessionState => ({ type: isHere ? 'connected' : 'reconnecting' }))),
      this.#certificateEnd().pipe(map((error): SessionState => ({ type: 'ended', error }))),
    );
    const changing = changes$.subscribe((state) => this.#become(state));
    // The server passes on what sites send to us, under any origin and with any text: so this is no more than a reason to ask.
    const doubts$ = new Subject<void>();
    const expiring = cell.handle(CHANNEL, EXPIRED, ({ origin }) => {
      if (origin === SERVER && this.#token !== undefined) doubts$.next();
      return undefined;
    });
    const checking = doubts$.pipe(exhaustMap(() => this.#check())).subscribe();
    this.#state.pipe(filter(({ type }) => type === 'ended')).subscribe(() => {
      changing.unsubscribe();
      expiring.unsubscribe();
      checking.unsubscribe();
    });
  }

  /**
   * Lets the user in, and learns what the server can do.
   *
   * @param serverVersion - where the server has said it already
   */
  logIn(study: string, serverVersion: string | undefined): Observable<unknown> {
    const { name, certificate } = this.identity;
    const headers = {
      user_name: name,
      cert: certificate,
      // There is no nonce: a reader of this can repeat it.
      signature: this.identity.sign(name),
      study,
    };
    return this.#send(`_cert_login ${name}`, { headers }).pipe(
      tap((reply) => (this.#token = tokenIn(reply, name))),
      switchMap(() => this.#send('_commands')),
      tap((reply) => (this.#commands = commandsIn(reply))),
      switchMap(() => this.#versionOf(serverVersion)),
      tap((version) => (this.serverVersion = version ?? this.serverVersion)),
    );
  }

  /**
   * Sends a command, once the server is connected. Cold; emits the one reply, unless that is a refusal.
   *
   * Errors with FlareError: `session_ended`, `not_supported`, `no_connection` where the server is away for the whole time, and
   * that of {@link refusalOf}; CellError as `Cell.request` does.
   *
   * @param line - of `commandLine`
   */
  command(line: string, options?: CommandOptions): Observable<CommandReply> {
    return defer(() => {
      const name = nameOf(line);
      if (this.lacks(name)) throw this.notSupported(name);
      return this.#send(line, options);
    });
  }

  /** Whether the server has no such command. */
  lacks(command: string): boolean {
    return !command.startsWith('_') && this.#commands?.has(command) === false;
  }

  /** The text of a command, for what carries it in another way. It holds the token: it is a secret. */
  commandText(line: string, { props, timeoutMs = this.commandTimeoutMs }: CommandOptions = {}): string {
    const token = this.#token === undefined ? [] : [{ type: 'token', data: this.#token }];
    return JSON.stringify({
      time: new Date(this.scheduler.now()).toISOString(),
      data: [{ type: 'command', data: line }, ...token],
      meta: { cmd_timeout: timeoutMs / 1_000, ...(props === undefined ? {} : { cmd_props: props }) },
    });
  }

  /** A {@link FlareError} for what this server lacks. @param what - a command, in the words of NVFlare */
  notSupported(what: string): FlareError {
    const text = `the server has no ${what}: it is of NVFlare ${this.serverVersion}`;
    return new FlareError(FlareStatus.NOT_SUPPORTED, text);
  }

  /** Logs out, and ends. What is asked for from now on fails with `session_ended`. */
  async close(): Promise<void> {
    if (this.#token !== undefined && this.#state.value.type === 'connected') {
      const done$ = this.#send('_logout', { timeoutMs: LOGOUT_TIMEOUT_MS }, 0);
      await firstValueFrom(done$).catch((error: unknown) => log('cannot log out: %s', messageOf(error)));
    }
    this.#become({ type: 'ended' });
    await this.#stopped;
  }

  #send(line: string, options?: CommandOptions, marginMs?: number): Observable<CommandReply> {
    return this.#reply(line, options, marginMs).pipe(
      tap((reply) => {
        const refusal = refusalOf(nameOf(line), reply);
        if (refusal === undefined) return;
        log('%s', refusal.message);
        if (refusal.status === FlareStatus.SESSION_ENDED) this.#become({ type: 'ended', error: refusal });
        throw refusal;
      }),
    );
  }

  /** As `#send`, and a refusal is a reply too. */
  #reply(line: string, options: CommandOptions = {}, marginMs = MARGIN_MS): Observable<CommandReply> {
    const { timeoutMs = this.commandTimeoutMs, headers } = options;
    const reply$ = defer(() =>
      this.cell.request(SERVER, CHANNEL, COMMAND, this.commandText(line, options), {
        timeoutMs: Math.min(timeoutMs + marginMs, LONGEST_TIMER_MS),
        ...(headers === undefined ? {} : { headers }),
      }),
    );
    const sent$ = this.#whenHere(timeoutMs).pipe(
      switchMap(() => reply$),
      map(({ payload }) => parseReply(nameOf(line), payload)),
    );
    return race(this.#failAtEnd(), sent$);
  }

  /** Asks the server whether it knows this session, which ends where it does not. Does not error. */
  #check(): Observable<unknown> {
    return this.#reply(CHECK).pipe(
      tap((reply) => {
        if (refusalOf(CHECK, reply)?.status !== FlareStatus.SESSION_ENDED) return;
        this.#become({ type: 'ended', error: ended('the server has closed this session', textIn(reply)) });
      }),
      catchError((error: unknown) => {
        log('cannot check the session: %s', messageOf(error));
        return EMPTY;
      }),
    );
  }

  /** Emits once the server is connected. */
  #whenHere(timeoutMs: number): Observable<unknown> {
    const text = `the server was not connected for ${timeoutMs} ms`;
    const late = () => throwError(() => new FlareError(FlareStatus.NO_CONNECTION, text));
    return this.#communicator
      .ready(SERVER)
      .pipe(take(1), timeout({ first: timeoutMs, with: late, scheduler: this.scheduler }));
  }

  /** Emits nothing; errors when the session has ended. */
  #failAtEnd(): Observable<never> {
    return this.#state.pipe(
      switchMap((state) => {
        if (state.type !== 'ended') return NEVER;
        return throwError(() => state.error ?? ended('this session was closed'));
      }),
    );
  }

  /** Whatever the server says of itself, or the version that lacks the command that tells it. */
  #versionOf(said: string | undefined): Observable<string | undefined> {
    if (said !== undefined || this.#commands?.has('report_version') !== true) return of(said);
    return this.#send('report_version server').pipe(
      map((reply) => versionsIn(reply).server),
      // Some users may not ask.
      catchError(() => of(undefined)),
      map((version) => version ?? '2.8'),
    );
  }

  /** Emits when the certificate of the user ends, before which no timer may be too long. */
  #certificateEnd(): Observable<FlareError> {
    const { expires, name } = this.identity;
    const left = (): number => expires - this.scheduler.now();
    return defer(() => timer(Math.min(Math.max(left(), 0), LONGEST_TIMER_MS), this.scheduler)).pipe(
      repeat(),
      filter(() => left() <= 0),
      take(1),
      map(() => new FlareError(FlareStatus.CERTIFICATE_EXPIRED, `the certificate of ${name} has ended`)),
    );
  }

  #become(state: SessionState): void {
    if (this.#state.value.type === 'ended' || this.#state.value.type === state.type) return;
    if (state.type === 'ended') this.#stopped = this.#stop();
    this.#state.next(state);
  }

  async #stop(): Promise<void> {
    await this.cell.close();
    await this.#communicator.stop();
  }
}

/** The command of a line, without its scope. */
function nameOf(line: string): string {
  const [word = ''] = line.split(' ', 1);
  return word.slice(word.indexOf('.') + 1);
}

/** A refusal is `REJECT`, from 2.8 on with a code and a reason. Source: `AdminAPI._user_login`. */
function tokenIn(reply: CommandReply, user: string): string {
  for (const item of reply.data) if (item.type === 'token' && item.data !== '') return item.data;
  const reason = /^REJECT: *(.+)$/s.exec(textIn(reply))?.[1];
  const text = `the server does not let ${user} in${reason === undefined ? '' : `, ${quoted(reason)}`}`;
  throw new FlareError(FlareStatus.LOGIN_REFUSED, text, { reason: reason ?? 'REJECT' });
}

/** The names of all commands, from a table of SCOPE, COMMAND and more. */
function commandsIn(reply: CommandReply): ReadonlySet<string> | undefined {
  const names = rowsIn(reply).flatMap(([, name]) => (name === undefined ? [] : [name]));
  return names.length === 0 ? undefined : new Set(names);
}

function ended(text: string, reason = ''): FlareError {
  if (reason === '') return new FlareError(FlareStatus.SESSION_ENDED, text);
  return new FlareError(FlareStatus.SESSION_ENDED, `${text}, ${quoted(reason)}`, { reason });
}
