/**
 * A hub with a page that shows it: sites join over tcp, http and grpc, and the page over the WebSocket of the very
 * server that it comes from.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import express from 'express';
import { Communicator, Endpoint, Mode } from 'rxflare';
import { serveRelay, serveStats } from 'rxflare/monitor';

import { PAGE } from './build.js';

const { PAGE_PATH = randomBytes(16).toString('hex') } = process.env;
const [pagePort = '8010', ...urls] = process.argv.slice(2);
const joinUrls = urls.length > 0 ? urls : ['tcp://0:8002', 'http://0:8003', 'grpc://0:8004'];

// Who has the page may send in the name of the hub. So it is for this machine only, and under a path that no other
// user of it can guess.
const app = express().use(`/${PAGE_PATH}`, express.static(PAGE));
const server = createServer(app).listen(Number(pagePort), '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const origins = ['127.0.0.1', 'localhost'].map((host) => `http://${host}:${port}`);
const isPage = ({ connProps }: Endpoint) => connProps.local_addr === `127.0.0.1:${port}`;

/** What the page shows and sends. */
const APP_ID = 100;

const hub = new Communicator(new Endpoint('hub'));
for (const url of joinUrls) hub.addConnector(url, Mode.PASSIVE);
hub.attach(server, { path: `/${PAGE_PATH}/f3`, origins });
serveStats(hub, { allow: isPage, history: true });
serveRelay(hub, { allow: isPage, apps: [APP_ID], disconnect: true });

hub.lifecycle$.subscribe((event) => {
  if (event.type === 'listening') console.log(`listening on ${event.url}`);
});
await hub.start();
console.log(`page on http://127.0.0.1:${port}/${PAGE_PATH}/`);

process.once('SIGTERM', stop).once('SIGINT', stop);

function stop(): void {
  server.close();
  server.closeAllConnections();
  void hub.stop();
}
