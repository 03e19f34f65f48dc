import type { IncomingMessage, Server, ServerResponse } from 'node:http';

import { pathOf, rejectUpgrade } from '../drivers/websocket/upgrades.js';
import { DEFAULT_PATH } from '../drivers/websocket/websocket-url.js';
import { Secrets } from './secrets.js';

/** How many links may wait to be opened, and how long each does. */
const LINKS = 4;
const LINK_MS = 15 * 60_000;

/** How many sessions there may be, and how long each is good after its page has last connected. */
const SESSIONS = 16;
const SESSION_MS = 12 * 60 * 60_000;

/** Above the length of a link; what is longer is not read. */
const MAX_BODY_BYTES = 128;

const LOOPBACK = ['127.0.0.1', 'localhost'];

const SESSION_PATH = '/session';
const NO_STORE = { 'Cache-Control': 'no-store', 'Content-Type': 'text/plain; charset=utf-8' };

/**
 * Lets those use the page who were given a link. A link is good once: the page exchanges it for a session by
 * `POST /session`, and connects its WebSocket at `/<session>/f3`. `GET /session` says whether a session is still good.
 *
 * The session is in the memory of the page, not in a cookie. A browser sends a cookie to every port of a host, so any
 * user of this machine could collect it on another port.
 */
export class PageAccess {
  readonly #links: Secrets;
  readonly #sessions: Secrets;
  readonly #hosts: readonly string[] | null;

  /**
   * @param now - see {@link Secrets}
   * @param hosts - the names of this page in a URL; `null` for any. Default: those of the loopback address
   */
  constructor(now?: () => number, hosts: readonly string[] | null = LOOPBACK) {
    this.#links = new Secrets(LINKS, LINK_MS, now);
    this.#sessions = new Secrets(SESSIONS, SESSION_MS, now);
    this.#hosts = hosts;
  }

  /** What comes after `#` in a new link. A fragment is never sent, so no log has it. */
  newLink(): string {
    return this.#links.issue();
  }

  /** Answers a request that has no business here, or is about sessions. False for any other. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    if (!isOurs(request, this.#hosts)) response.writeHead(421, NO_STORE).end('unknown host or origin\n');
    else if (pathOf(request) !== SESSION_PATH) return false;
    else if (request.method === 'POST') void this.#open(request, response);
    else response.writeHead(this.#sessions.touch(bearerOf(request)) ? 204 : 401, NO_STORE).end();
    return true;
  }

  /** Whether a request has a good session in its `Authorization` header, and is of this page. */
  isGood(request: IncomingMessage): boolean {
    return isOurs(request, this.#hosts) && this.#sessions.touch(bearerOf(request));
  }

  /**
   * Lets no WebSocket through without a session. Listeners for upgrades that are added to the server get a path that
   * is none of theirs where the upgrade was refused.
   */
  guard(server: Server): void {
    server.prependListener('upgrade', (request, socket) => {
      const [, session = '', ...rest] = pathOf(request).split('/');
      const isGood =
        isOurs(request, this.#hosts) &&
        `/${rest.join('/')}` === DEFAULT_PATH &&
        this.#sessions.touch(session);
      request.url = isGood ? DEFAULT_PATH : '';
      if (!isGood) rejectUpgrade(socket, 403);
    });
  }

  async #open(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const link = await readBody(request);
    if (link === undefined || !this.#links.redeem(link)) response.writeHead(403, NO_STORE).end();
    else response.writeHead(200, NO_STORE).end(this.#sessions.issue());
  }
}

/**
 * Whether a request is for this page by name, and of this page where it is of any. Another host is a name that was made
 * to point here, so that the page of another site passes for one of ours.
 */
function isOurs(
  { headers: { host = '', origin }, socket: { localPort = 0 } }: IncomingMessage,
  names: readonly string[] | null,
): boolean {
  const asked = hostOf(host);
  if (asked === '') return false;
  const hosts = names?.map((name) => hostOf(`${name}:${localPort}`)) ?? [asked];
  return hosts.includes(asked) && (origin === undefined || hosts.some((each) => origin === `http://${each}`));
}

/** As browsers write a host and port: without port 80, and one form of each address. */
function hostOf(text: string): string {
  const url = `http://${text}`;
  return URL.canParse(url) ? new URL(url).host : '';
}

function bearerOf({ headers: { authorization = '' } }: IncomingMessage): string {
  return authorization.replace(/^Bearer /, '');
}

/** A short text; `undefined` for a longer one, and for one that does not end. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  let text = '';
  try {
    for await (const chunk of request) {
      text += String(chunk);
      if (text.length > MAX_BODY_BYTES) return undefined;
    }
    return text;
  } catch {
    return undefined; // The client has gone.
  }
}
