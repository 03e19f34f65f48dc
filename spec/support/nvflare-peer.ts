import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  EMPTY,
  filter,
  firstValueFrom,
  ReplaySubject,
  Subject,
  take,
  tap,
  timeout,
  type Observable,
} from 'rxjs';

import { nvflarePython } from './python.js';

/** A value of message headers; bytes and integers beyond 2^53 survive the way to Python and back. */
export type PeerValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly PeerValue[]
  | { readonly [key: string]: PeerValue };

/** A map of {@link PeerValue}s: headers, properties. */
export type PeerFields = Readonly<Record<string, PeerValue>>;

/** The communicator runs. */
export interface PeerStarted {
  readonly event: 'started';
  readonly version: string;
}

/** The names of NVFlare's endpoint states. */
export type PeerEndpointState = 'IDLE' | 'READY' | 'CLOSING' | 'DISCONNECTED' | 'ERROR';

/** A remote endpoint as NVFlare sees it. */
export interface PeerEndpoint {
  readonly name: string;
  readonly state: PeerEndpointState;
  readonly properties: PeerFields;
  readonly connProps: PeerFields;
}

/** NVFlare told its monitors about an endpoint. */
export interface PeerEndpointChange extends PeerEndpoint {
  readonly event: 'endpoint';
}

/** NVFlare delivered a message. */
export interface PeerMessage {
  readonly event: 'message';
  readonly from: string;
  readonly app: number;
  readonly headers: PeerFields | null;
  readonly bytes: number;
  /** Of the payload, in hex; of nothing when there is none. */
  readonly sha256: string;
  readonly payloadNone: boolean;
}

/** What a peer reports of its own accord. */
export type PeerEvent = PeerStarted | PeerEndpointChange | PeerMessage;

interface Done {
  readonly event: 'done';
  readonly id: number;
}

interface Failed {
  readonly event: 'failed';
  readonly id: number;
  readonly code: string;
  readonly message: string;
}

/** How to start a peer. */
export interface NvflarePeerOptions {
  /** Of NVFlare, as PyPI knows it: `2.9.0`. */
  readonly version: string;
  readonly name: string;
  readonly properties?: PeerFields;
  /** Credentials: `ca_cert`, `server_cert`, ... */
  readonly connProps?: PeerFields;
  /** Silence after which NVFlare pings; its own default is 60 s. */
  readonly heartbeatSeconds?: number;
  /** What to put before the command line, to run it somewhere else. Default: nothing. */
  readonly prefix?: readonly string[];
}

/** What a peer sends: byte i of the payload is `(i * 31 + seed) & 0xff`. */
export interface PeerSend {
  readonly to: string;
  readonly app: number;
  readonly headers?: PeerFields | null;
  /** Bytes of payload; null, the default, sends none. */
  readonly size?: number | null;
  readonly seed?: number;
  readonly count?: number;
}

/** A command that NVFlare refused, with the code of its CommError or the name of its Python exception. */
export class PeerCommandError extends Error {
  override readonly name = 'PeerCommandError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const script = fileURLToPath(new URL('../interop/peer.py', import.meta.url));
const STDERR_KEPT = 64 * 1024;
const EVENTS_KEPT = 10_000;
const START_MS = 60_000;
const STOP_MS = 10_000;

/** A process that runs a real NVFlare communicator. */
export class NvflarePeer implements AsyncDisposable {
  /** What the peer reported so far and will report; completes when its process ends. */
  readonly events: Observable<PeerEvent>;
  readonly name: string;

  readonly #child: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<unknown>;
  readonly #events = new ReplaySubject<PeerEvent>(EVENTS_KEPT);
  readonly #answers = new Subject<Done | Failed>();
  readonly #consumed = new WeakSet<PeerEvent>();
  #stderr = '';
  #lastId = 0;

  private constructor(name: string, child: ChildProcessWithoutNullStreams) {
    this.name = name;
    this.events = this.#events.asObservable();
    this.#child = child;
    this.#closed = once(child, 'close').finally(() => {
      this.#events.complete();
      this.#answers.complete();
    });
    this.#closed.catch(() => undefined);
    // A dead child is noticed by its closing, not by a failed write.
    child.stdin.on('error', () => undefined);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT);
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const report = parseTagged(line) as PeerEvent | Done | Failed;
      if (report.event === 'done' || report.event === 'failed') this.#answers.next(report);
      else this.#events.next(report);
    });
  }

  /** The last 64 KiB of what NVFlare logged. */
  get log(): string {
    return this.#stderr;
  }

  /** Starts a process with a communicator that neither listens nor connects yet. */
  static async start(options: NvflarePeerOptions): Promise<NvflarePeer> {
    const { version, name, properties = {}, connProps = {}, heartbeatSeconds, prefix = [] } = options;
    const args = [await nvflarePython(version), script, '--name', name];
    args.push('--properties', stringifyTagged(properties), '--conn-props', stringifyTagged(connProps));
    if (heartbeatSeconds !== undefined) args.push('--heartbeat', String(heartbeatSeconds));

    const [command = '', ...rest] = [...prefix, ...args];
    const peer = new NvflarePeer(name, spawn(command, rest));
    try {
      await peer.next((event) => event.event === 'started', START_MS);
      return peer;
    } catch (error) {
      await peer.kill();
      throw error;
    }
  }

  /** Adds a passive connector; resolves to its handle once the port is bound. */
  async listen(url: string, secure = false): Promise<string> {
    const { handle } = await this.#command<{ handle: string }>('listen', { url, secure });
    return handle;
  }

  /** Adds an active connector; resolves to its handle, the connection comes later. */
  async connect(url: string, secure = false): Promise<string> {
    const { handle } = await this.#command<{ handle: string }>('connect', { url, secure });
    return handle;
  }

  /** Reports the messages of an application from now on and, on request, sends each one back. */
  async receive(app: number, echo = false): Promise<void> {
    await this.#command('receive', { app, echo });
  }

  /** Sends a message once or `count` times; resolves to the SHA-256 of the payload when NVFlare has sent all. */
  async send({ to, app, headers = null, size = null, seed = 0, count = 1 }: PeerSend): Promise<string> {
    const { sha256 } = await this.#command<{ sha256: string }>('send', {
      to,
      app,
      headers,
      size,
      seed,
      count,
    });
    return sha256;
  }

  /** The endpoint of this name, if NVFlare has heard of it. */
  async find(name: string): Promise<PeerEndpoint | undefined> {
    const { endpoint } = await this.#command<{ endpoint: PeerEndpoint | null }>('find', { name });
    return endpoint ?? undefined;
  }

  /** Closes the connections of an endpoint and forgets it. */
  async removeEndpoint(name: string): Promise<void> {
    await this.#command('remove-endpoint', { name });
  }

  /** The first event of this kind, past or future, that no earlier call has returned. */
  next<T extends PeerEvent>(matches: (event: PeerEvent) => event is T, timeoutMs?: number): Promise<T>;
  next(matches: (event: PeerEvent) => boolean, timeoutMs?: number): Promise<PeerEvent>;
  async next(matches: (event: PeerEvent) => boolean, timeoutMs = 20_000): Promise<PeerEvent> {
    const fresh = this.events.pipe(
      filter((event) => !this.#consumed.has(event) && matches(event)),
      take(1),
      tap((event) => this.#consumed.add(event)),
      timeout({ first: timeoutMs, with: () => EMPTY }),
    );
    const event = await firstValueFrom(fresh, { defaultValue: null });
    if (event === null) throw new Error(this.#explain(`waited in vain for ${matches.toString()}`));
    return event;
  }

  /** Stops the communicator and waits for the process to end, which it is made to do when it will not. */
  async stop(): Promise<void> {
    const stopped = this.#command('stop', {}).then(
      () => this.#exit(),
      () => undefined,
    );
    await Promise.race([stopped, sleep(STOP_MS, undefined, { ref: false })]);
    await this.kill();
  }

  /** Ends the process at once, without any farewell to its peers. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #exit(): Promise<void> {
    await this.#closed.catch(() => undefined);
  }

  async #command<T = unknown>(name: string, fields: PeerFields): Promise<T> {
    const id = ++this.#lastId;
    const answered = firstValueFrom(this.#answers.pipe(filter((answer) => answer.id === id)), {
      defaultValue: null,
    });
    this.#child.stdin.write(`${stringifyTagged({ id, do: name, ...fields })}\n`);
    const answer = await answered;
    if (answer === null) throw new Error(this.#explain(`ended before it answered "${name}"`));
    if (answer.event === 'failed') throw new PeerCommandError(answer.code, this.#explain(answer.message));
    return answer as T;
  }

  #explain(problem: string): string {
    return `NVFlare peer ${this.name}: ${problem}\n--- its stderr ---\n${this.#stderr}`;
  }
}

/** Picks the messages, of one sender or of any. */
export function isMessage(from?: string): (event: PeerEvent) => event is PeerMessage {
  return (event): event is PeerMessage =>
    event.event === 'message' && (from === undefined || event.from === from);
}

/** Picks the moments at which an endpoint entered a state. */
export function isEndpoint(
  name: string,
  state: PeerEndpointState,
): (event: PeerEvent) => event is PeerEndpointChange {
  return (event): event is PeerEndpointChange =>
    event.event === 'endpoint' && event.name === name && event.state === state;
}

/** Reads JSON in which `{"$bytes": hex}` stands for bytes and `{"$int": decimal}` for a large integer. */
export function parseTagged(json: string): unknown {
  return JSON.parse(json, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value;
    if ('$bytes' in value) return new Uint8Array(Buffer.from(String(value.$bytes), 'hex'));
    if ('$int' in value) return BigInt(String(value.$int));
    return value;
  });
}

/** Writes the JSON that {@link parseTagged} reads. */
export function stringifyTagged(value: PeerValue): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key, item: unknown) {
    // Not `item`: a Buffer has been through its own toJSON by now.
    const original = this[key];
    if (original instanceof Uint8Array) return { $bytes: Buffer.from(original).toString('hex') };
    if (typeof original === 'bigint') return { $int: original.toString() };
    return item;
  });
}
