import { constants, createPrivateKey, randomUUID, sign } from 'node:crypto';

import { Cell, type CellRequest } from '../../lib/cellnet/index.js';
import type { Communicator } from '../../lib/communicator.js';
import { type FobsValue, pyDict } from '../../lib/fobs/index.js';
import { Mode } from '../../lib/index.js';
import type { MessageHeaders } from '../../lib/message.js';
import { communicator, startListening } from './communicators.js';
import { FakeTransfers } from './fake-transfers.js';
import { flareProject, type Pem, SERVER_NAME } from './flare-project.js';

/** What a reply to a command says. */
export interface FakeReply {
  readonly data?: readonly object[];
  readonly meta?: object;
}

/** How a fake server differs from a good one. */
export interface FakeOptions {
  /** Default: that of the project. */
  readonly pair?: Pem;
  /** The name that it claims. Default: that of the project. */
  readonly cn?: string;
  /** Default: a good one. */
  readonly challengeSignature?: Uint8Array;
  readonly tokenSignature?: string;
  /** What it answers to a registration in place of a token. */
  readonly registration?: FobsValue;
  /** How often it answers to a registration without a token, before it is ready. Default: 0. */
  readonly silent?: number;
  /** What it answers to the login. Default: OK and a token. */
  readonly login?: FakeReply;
  /** The commands that it has. Default: all that tests ask for. */
  readonly commands?: readonly string[];
  /** Default: `2.9.0`. */
  readonly version?: string | undefined;
}

export const CELL_TOKEN = 'cell-token-4f1d';
export const ADMIN_TOKEN = 'admin-token-77aa:c2lnbmF0dXJl';

/** Speaks the part of an NVFlare server that sessions need, in this process, without a proof that it is one. */
export class FakeFlareServer {
  readonly port: number;
  readonly communicator: Communicator;
  readonly cell: Cell;
  /** The jobs that it takes, and the results that it gives. */
  readonly transfers: FakeTransfers;
  /** What came, in order: headers of all messages of cells. */
  readonly received: MessageHeaders[] = [];
  /** The lines of all commands, in order. */
  readonly lines: string[] = [];
  /** Answers commands by their first word. */
  readonly answers = new Map<string, (line: string, request: CommandRequest) => FakeReply | undefined>();
  #registrations = 0;
  readonly #options: FakeOptions;
  readonly #pair: Pem;

  private constructor(hub: Communicator, port: number, pair: Pem, options: FakeOptions) {
    this.port = port;
    this.communicator = hub;
    this.#pair = options.pair ?? pair;
    this.#options = options;
    this.cell = new Cell(hub);
    this.transfers = new FakeTransfers(this.cell);
    hub.messages(1).subscribe(({ message }) => this.received.push(message.headers ?? {}));
    this.cell.handle('task', 'challenge', (request) => this.#prove(request));
    this.cell.handle('task', 'register', (request) => this.#register(request));
    this.cell.handle('hci_channel', 'command', ({ payload }) => this.#answer(payload));
  }

  /** The cell of the first session that came. */
  get client(): string {
    return this.received[0]?.cn__origin as string;
  }

  /** Listens on a free port, in the clear. `stopAll` of the communicators ends it. */
  static async start(options: FakeOptions = {}): Promise<FakeFlareServer> {
    const { server } = await flareProject();
    const hub = communicator('server');
    hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
    const url = await startListening(hub);
    return new FakeFlareServer(hub, Number(new URL(url).port), server, options);
  }

  #prove({ headers }: CellRequest): FobsValue {
    const { cn = SERVER_NAME, challengeSignature } = this.#options;
    return pyDict('nvflare.apis.shareable.Shareable', {
      __headers__: {},
      nonce: randomUUID(),
      cn,
      cert: Buffer.from(this.#pair.cert),
      signature: challengeSignature ?? this.#sign(`${cn}${headers.nonce as string}`),
    });
  }

  #register({ headers }: CellRequest): FobsValue {
    const { registration, tokenSignature, silent = 0 } = this.#options;
    if (this.#registrations++ < silent) return {};
    const { version } = { version: '2.9.0', ...this.#options };
    if (registration !== undefined) return registration;
    const signature = this.#sign(`${headers.client_name as string}${CELL_TOKEN}`);
    return {
      __token__: CELL_TOKEN,
      __token_signature__: tokenSignature ?? Buffer.from(signature).toString('base64'),
      ssid: 'ssid-1',
      ...(version === undefined ? {} : { nvflare_version: version }),
    };
  }

  #answer(text: FobsValue): FobsValue {
    const request = JSON.parse(text as string) as CommandRequest;
    const line = request.data.find(({ type }) => type === 'command')?.data ?? '';
    const [name = ''] = line.split(' ');
    if (!name.startsWith('_')) this.lines.push(line);
    const reply = this.answers.has(name) ? this.answers.get(name)?.(line, request) : this.#known(name);
    return reply === undefined ? undefined : JSON.stringify({ time: '', data: [], meta: {}, ...reply });
  }

  #known(name: string): FakeReply {
    const { login, commands = [] } = this.#options;
    if (name === '_cert_login')
      return (
        login ?? {
          data: [
            { type: 'string', data: 'OK' },
            { type: 'token', data: ADMIN_TOKEN },
          ],
        }
      );
    if (name === '_commands')
      return {
        data: [{ type: 'table', rows: [['SCOPE', 'COMMAND'], ...commands.map((each) => ['', each])] }],
      };
    if (name === 'download_job') return this.transfers.offer();
    return { data: [{ type: 'success', data: '' }], meta: { status: 'ok', info: '' } };
  }

  #sign(text: string): Uint8Array {
    const options = {
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_MAX_SIGN,
    };
    return sign('sha256', Buffer.from(text), { key: createPrivateKey(this.#pair.key), ...options });
  }
}

/** What a command says. */
export interface CommandRequest {
  readonly data: readonly { readonly type: string; readonly data: string }[];
  readonly meta: Readonly<Record<string, unknown>>;
}
