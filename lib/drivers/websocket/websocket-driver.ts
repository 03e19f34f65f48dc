import type { Agent } from 'node:http';

import type { Observable } from 'rxjs';

import { CommError, CommErrorCode } from '../../comm-error.js';
import type { Connection } from '../../transport/connection.js';
import {
  type Driver,
  type DriverCapabilities,
  type DriverParams,
  type Listener,
  type ListenerUrls,
  Mode,
  type Resources,
} from '../../transport/driver.js';
import { describeParams } from '../../transport/url.js';
import { late, lazily } from '../lazily.js';
import { requirePort, resolveTcpUrls } from '../node/listen-address.js';
import { type AttachableServer, requireSecurity, requireServer } from './attached-server.js';
import type { GenerateMask } from './mask.js';
import { TrustedProxies } from './trusted-proxies.js';
import { WEBSOCKET_SCHEMES, webSocketUrl } from './websocket-url.js';

/** The options of a {@link WebSocketDriver}. */
export interface WebSocketDriverOptions {
  /**
   * A server to attach listeners to. They accept only the upgrades of the path of their URL, `/f3` where it has none.
   * Host, port and certificates are the server's. The driver never closes it. `attach` of the Communicator does this with
   * less to say. Default: a server of its own.
   */
  readonly server?: AttachableServer;
  /** HTTP headers of each handshake of an active side. The connector parameter `headers` adds to them. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Creates the sockets of active sides, through a proxy for example. The connector parameter `agent` overrides it. */
  readonly agent?: Agent;
  /**
   * The origins of web pages that may connect to listeners, such as `https://app.example.com`. Default: all. A browser
   * sends its page's origin; other programs send none, and are not restricted.
   */
  readonly origins?: readonly string[];
  /**
   * Proxies in front of listeners that report in `X-Forwarded-For` who asked them: addresses, subnets such as `10.0.0.0/8`,
   * or `loopback`, `linklocal`, `uniquelocal`. Only what they report counts for the `remoteAddress` that `verifyEndpoint`
   * sees; anybody else may make it up. Default: none.
   */
  readonly trustedProxies?: readonly string[];
  /**
   * Writes the masking key of each message of an active side. Default: random keys, as the standard demands, so that a
   * proxy that does not know WebSockets cannot take a message for a request. On a network without such proxies, a
   * function that leaves the four bytes 0 saves both sides the work.
   */
  readonly generateMask?: GenerateMask;
}

/**
 * `http` and `https` (also `ws` and `wss`): one WebSocket message per frame, as NVFlare's `AioHttpDriver` sends
 * them. Listeners serve `/f3` and, for NVFlare before 2.6, `/`. NVFlare's own clients refuse messages of 4 MiB
 * and more.
 */
export class WebSocketDriver implements Driver {
  readonly schemes = WEBSOCKET_SCHEMES;
  readonly capabilities: DriverCapabilities;
  readonly #options: WebSocketDriverOptions;
  readonly #proxies: TrustedProxies;

  /**
   * Without options, listeners have a server of their own and accept all pages.
   *
   * @throws CommError `BAD_CONFIG` for a `server` that is `undefined`, or no server that takes upgrades,
   * and for a proxy that is no address
   */
  constructor(options: WebSocketDriverOptions = {}) {
    const isAttached = 'server' in options;
    if (isAttached) requireServer(options.server);
    this.capabilities = { tls: true, heartbeat: true, listen: true, attached: isAttached };
    this.#options = options;
    this.#proxies = new TrustedProxies(options.trustedProxies);
  }

  check(mode: Mode, params: DriverParams): void {
    const { server } = this.#options;
    if (mode === Mode.ACTIVE) {
      webSocketUrl(params);
      headersOf(params);
      agentOf(params);
    } else if (server === undefined) requirePort(mode, params);
    else requireSecurity(server, params);
  }

  load(): Promise<unknown> {
    return loadListen();
  }

  connect(params: DriverParams): Observable<Connection> {
    const { headers, agent, generateMask } = this.#options;
    return lazily(loadConnect, ({ connectWebSocket }) =>
      connectWebSocket(params, {
        headers: { ...headers, ...headersOf(params) },
        agent: agentOf(params) ?? agent,
        generateMask,
      }),
    );
  }

  listen(params: DriverParams): Observable<Listener> {
    const { server, origins } = this.#options;
    const rules = { origins, proxies: this.#proxies };
    return lazily(loadListen, ({ listenAlone, listenAttached }) =>
      server === undefined ? listenAlone(params, rules) : listenAttached(server, params, rules),
    );
  }

  resolveUrls(scheme: string, resources: Resources): Promise<ListenerUrls> {
    return resolveTcpUrls(scheme, resources);
  }
}

const loadConnect = late(() => import('./connect.js'));
const loadListen = late(() => import('./listen.js'));

function headersOf(params: DriverParams): Record<string, string> {
  const { headers = {} } = params;
  if (typeof headers !== 'object' || headers === null)
    throw badParameter(params, 'headers', 'names and values');
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

function agentOf(params: DriverParams): Agent | undefined {
  const { agent } = params;
  if (agent === undefined) return undefined;
  // Not `instanceof`: a proxy agent often extends another copy of the class.
  if (typeof agent === 'object' && agent !== null && 'addRequest' in agent) return agent as unknown as Agent;
  throw badParameter(params, 'agent', 'an http.Agent');
}

function badParameter(params: DriverParams, name: string, expected: string): CommError {
  const detail = `${describeParams(params)}: ${name}: expected ${expected}, got ${typeof params[name]}`;
  return new CommError(CommErrorCode.BAD_CONFIG, detail);
}
