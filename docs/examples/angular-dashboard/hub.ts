/**
 * A hub with a page that shows it: sites join over tcp, http and grpc, and the page over the WebSocket of the very
 * server that it comes from.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import express from 'express';
import { AppIds, Communicator, Endpoint, Mode, parseUrl } from 'rxflare';
import { WebSocketDriver } from 'rxflare/drivers';
import { serveRelay, serveStats } from 'rxflare/monitor';

import { PAGE } from './build.js';

const [pagePort = '8010', ...urls] = process.argv.slice(2);
const joinUrls = urls.length > 0 ? urls : ['tcp://0:8002', 'http://0:8003', 'grpc://0:8004'];

// The page is for this machine only, since everyone who sees it may send in the name of the hub.
const server = createServer(express().use(express.static(PAGE))).listen(Number(pagePort), '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const origins = ['127.0.0.1', 'localhost'].map((host) => `http://${host}:${port}`);
const isPage = ({ connProps }: Endpoint) => connProps.local_addr === `127.0.0.1:${port}`;

const hub = new Communicator(new Endpoint('hub'));
for (const url of joinUrls) hub.addConnector(url, Mode.PASSIVE);
const driver = new WebSocketDriver({ server, origins });
hub.addConnectorAdvanced(driver, Mode.PASSIVE, parseUrl(`http://127.0.0.1:${port}/f3`), false);
serveStats(hub, { allow: isPage });
serveRelay(hub, { allow: isPage, apps: [AppIds.DEFAULT] });

hub.lifecycle$.subscribe((event) => {
  if (event.type === 'listening') console.log(`listening on ${event.url}`);
});
await hub.start();
console.log(`page on http://127.0.0.1:${port}/`);

process.once('SIGTERM', stop).once('SIGINT', stop);

function stop(): void {
  server.close();
  server.closeAllConnections();
  void hub.stop();
}
