import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as httpsRequest, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';

import express, { type Request, type Response } from 'express';
import session from 'express-session';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type EndpointCandidate, Mode, type Verdict } from '../lib/index.js';
import { testCertificates } from './support/certificates.js';
import { communicator, nextEvent, stopAll, untilState } from './support/communicators.js';

const { ca, hub: pair } = await testCertificates();
const SECRET = 'bearer-of-nobody-else';

let server: Server;
let seen: EndpointCandidate['request'][];
let verifyEndpoint: (candidate: EndpointCandidate) => Promise<Verdict>;

beforeEach(async () => {
  const sessions = session({
    secret: 'of the test',
    resave: false,
    saveUninitialized: false,
    cookie: { secure: true },
  });
  const app = express();
  app.use(sessions);
  app.post('/login/:user', (request, response) => {
    Object.assign(request.session, { user: request.params.user });
    response.sendStatus(204);
  });
  server = createServer({ cert: readFileSync(pair.cert), key: readFileSync(pair.key) }, app);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  seen = [];
  verifyEndpoint = async ({ endpoint, request }) => {
    seen.push(request);
    if (!(request?.raw instanceof IncomingMessage)) return 'no request';
    const raw = request.raw as Request;
    await new Promise((done) => sessions(raw, new ServerResponse(raw) as Response, done));
    return (raw.session as { user?: string }).user === endpoint.name || { tellPeer: 'please log in' };
  };
});

afterEach(async () => {
  await stopAll();
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
});

describe('a hub beside Express over https', () => {
  it('lets in whom the session cookie names, and shows cookies and credentials nowhere', async () => {
    const hub = communicator('hub', { verifyEndpoint });
    hub.attach(server, { trustedProxies: ['loopback'] });
    const shown: string[] = [];
    hub.lifecycle$.subscribe((event) => shown.push(inspect(event, { depth: 10 })));
    await hub.start();
    const cookie = await logIn('ada');

    const [nobody, other] = [join('ada', ''), join('eve', cookie)];
    const refused = [nextEvent(nobody, 'refused'), nextEvent(other, 'refused')];
    await Promise.all([nobody.start(), other.start()]);
    expect((await Promise.all(refused)).map(({ reason }) => reason)).toEqual([
      'please log in',
      'please log in',
    ]);
    await Promise.all([nobody.stop(), other.stop()]);

    const page = join('ada', cookie);
    await page.start();
    const endpoint = await untilState(hub, 'ada');
    expect(seen.at(-1)).toMatchObject({
      url: '/f3',
      remoteAddress: '203.0.113.7',
      headers: { cookie, authorization: `Bearer ${SECRET}` },
    });
    await page.stop();
    shown.push(inspect([endpoint, hub.stats()], { depth: 10 }));
    expect(shown.length).toBeGreaterThan(5);
    const [, value = ''] = cookie.split('=');
    expect(shown.filter((text) => text.includes(SECRET) || text.includes(value))).toEqual([]);
  });
});

/** The cookie of a user who has logged in. */
async function logIn(user: string): Promise<string> {
  const { port } = server.address() as AddressInfo;
  const options = { host: '127.0.0.1', port, path: `/login/${user}`, method: 'POST', ca: readFileSync(ca) };
  const [response] = (await once(httpsRequest(options).end(), 'response')) as [IncomingMessage];
  response.resume();
  return response.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
}

function join(name: string, cookie: string) {
  const { port } = server.address() as AddressInfo;
  const page = communicator(name);
  page.addConnector(`https://127.0.0.1:${port}/f3`, Mode.ACTIVE, false, {
    connection_security: 'tls',
    ca_cert: ca,
    headers: { cookie, authorization: `Bearer ${SECRET}`, 'x-forwarded-for': '6.6.6.6, 203.0.113.7' },
  });
  return page;
}
