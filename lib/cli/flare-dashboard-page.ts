import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type AddressInfo, BlockList, isIP } from 'node:net';

import { CommError, CommErrorCode } from '../comm-error.js';
import { pathOf } from '../drivers/websocket/upgrades.js';
import { Endpoint } from '../endpoint.js';
import { FEDERATION_PROPERTIES, MAX_DROPPED_BYTES } from '../flare/dashboard/index.js';
import { type FlareSession, serveFederation } from '../flare/index.js';
import { Communicator } from '../index.js';
import { DroppedJobs } from './flare-dropped-jobs.js';
import { ResultLinks } from './flare-result-links.js';
import { PageAccess } from './page-access.js';
import { pageServer } from './page-server.js';

/** How the page of a federation is served. */
export interface FlarePageOptions {
  /** 0 for any that is free. Default: 8011. */
  readonly port?: number;
  /** The address to listen on. Default: `127.0.0.1`. */
  readonly host?: string;
  /** Default: false. */
  readonly isReadOnly?: boolean;
  /** The most that a dropped job may have, in bytes. Default: 256 MiB. */
  readonly maxJobBytes?: number;
  /** What serves the files of the page. Default: those of the package. */
  readonly makeServer?: (answers: PageAccess['handle']) => Server;
}

/** The page of a federation. */
export interface FlarePage {
  /** Whether others than this machine can reach it. */
  readonly isOpen: boolean;
  /** Where it listens, as `127.0.0.1:8011`. */
  readonly address: string;
  /** A new link. Each lets in once. */
  readonly newLink: () => string;
  readonly close: () => Promise<void>;
}

const DEFAULTS: Required<FlarePageOptions> = {
  // Beside that of the dashboard of a hub.
  port: 8_011,
  host: '127.0.0.1',
  isReadOnly: false,
  maxJobBytes: MAX_DROPPED_BYTES,
  makeServer: (answers) => pageServer(answers, 'federation.html'),
};

/**
 * Serves the page of a federation: over HTTP its files, the jobs that are dropped on it and the results that it fetches, and on
 * the same port a WebSocket by which it asks. A page needs a link: see {@link PageAccess}.
 *
 * @throws CommError `BAD_CONFIG` where it cannot listen there, `NOT_SUPPORTED` where the page was not built
 */
export async function serveFlarePage(
  session: FlareSession,
  options: FlarePageOptions = {},
): Promise<FlarePage> {
  const { port, host, isReadOnly, maxJobBytes, makeServer } = { ...DEFAULTS, ...options };
  const isOpen = !isLoopback(host);
  const access = new PageAccess(
    undefined,
    isWildcard(host) ? null : isOpen ? [inUrl(host)] : [inUrl(host), ...LOOPBACK],
  );
  const drops = new DroppedJobs(session, { isReadOnly, maxBytes: maxJobBytes });
  const links = new ResultLinks(session);
  const answers = (request: IncomingMessage, response: ServerResponse): boolean => {
    if (access.handle(request, response)) return true;
    const path = pathOf(request);
    if (path === '/jobs') void drops.answer(request, response, access.isGood(request));
    else if (path.startsWith(RESULTS)) void links.answer(path.slice(RESULTS.length), response);
    else return false;
    return true;
  };
  const server = makeServer(answers);
  server.listen(port, host);
  await once(server, 'listening').catch((error: unknown) => {
    throw CommError.from(error, `dashboard on ${host}:${port}`, CommErrorCode.BAD_CONFIG);
  });
  access.guard(server);
  const hub = new Communicator(new Endpoint('federation', FEDERATION_PROPERTIES));
  hub.attach(server);
  const serving = serveFederation(hub, session, {
    isReadOnly,
    maxJobBytes,
    download: (jobId) => links.open(jobId),
  });
  await hub.start();
  const bound = (server.address() as AddressInfo).port;
  const name = isWildcard(host) ? 'localhost' : inUrl(host);
  return {
    isOpen,
    address: `${inUrl(host)}:${bound}`,
    newLink: () => `http://${name}:${bound}/#${access.newLink()}`,
    close: async () => {
      serving.unsubscribe();
      server.close();
      server.closeAllConnections();
      await Promise.all([hub.stop(), links.settled()]);
    },
  };
}

const RESULTS = '/results/';
const LOOPBACK = ['127.0.0.1', 'localhost'];

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

function isLoopback(host: string): boolean {
  const version = isIP(host);
  return version === 0 ? host === 'localhost' : loopback.check(host, version === 6 ? 'ipv6' : 'ipv4');
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function inUrl(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}
