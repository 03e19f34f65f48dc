import { chmodSync } from 'node:fs';
import { join } from 'node:path';

import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';

import { connectSession, type SessionOptions } from '../../lib/flare/index.js';
import { freePort } from '../support/free-port.js';
import { stopAll } from '../support/communicators.js';
import { CELL_TOKEN, FakeFlareServer, type FakeOptions } from '../support/fake-flare-server.js';
import { flareProject, USER, userKit } from '../support/flare-project.js';

afterEach(stopAll);

const project = await flareProject();

async function connect(
  fake: FakeOptions = {},
  kit: Parameters<typeof userKit>[1] = {},
  options?: SessionOptions,
) {
  const server = await FakeFlareServer.start(fake);
  const session = await connectSession(await userKit(server.port, kit), options);
  onTestFinished(() => session.close());
  return { server, session };
}

/** How a login fails. */
async function failure(fake: FakeOptions, kit?: Parameters<typeof userKit>[1]): Promise<unknown> {
  const error: unknown = await connect(fake, kit).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(Error);
  return error;
}

/** No certificate can be read of it. */
const BLOCK = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';

describe('connectSession', () => {
  it('logs in, and puts what it was given on every message from then on', async () => {
    const { server, session } = await connect();
    expect(session).toMatchObject({ project: 'rxflare', user: USER, serverVersion: '2.9.0', warnings: [] });
    await firstValueFrom(session.doCommand(['list_jobs']));
    const names = server.received.map((headers) => headers.cn__topic);
    expect(names.slice(0, 5)).toEqual(['challenge', 'register', 'command', 'command', 'command']);
    const [, , ...later] = server.received;
    const tokens = new Set(later.map((headers) => headers.__token__));
    expect(tokens).toEqual(new Set([CELL_TOKEN]));
    expect(later[0]).toMatchObject({ client_name: USER, ssid: 'ssid-1', study: 'default', user_name: USER });
  });

  it('tries again where a server is not ready, and says nothing', async () => {
    const { server, session } = await connect({ silent: 1 });
    expect(session.user).toBe(USER);
    const nonces = server.received.map(({ nonce }) => nonce).filter((nonce) => nonce !== undefined);
    expect(nonces).toHaveLength(2);
    expect(new Set(nonces).size).toBe(2);
  });

  it('is a cell of the pattern by which servers know users', async () => {
    const { server } = await connect();
    expect(server.received[0]?.cn__origin).toMatch(
      /^_admin_[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f-]{16}$/,
    );
  });

  it('says goodbye: logs out, and leaves', async () => {
    const { server, session } = await connect();
    await session.close();
    await session.close();
    await expect(firstValueFrom(session.listJobs())).rejects.toMatchObject({
      status: 'session_ended',
      code: 'CLOSED',
    });
    const topics = server.received.slice(-2).map((headers) => headers.cn__topic);
    expect(topics).toEqual(['command', 'bye']);
  });

  it.each<[string, FakeOptions, string, RegExp]>([
    ['a certificate of another project', { pair: project.stranger }, 'wrong_server', /did not issue/],
    ['a certificate that a site issued', { pair: project.forged }, 'wrong_server', /did not issue/],
    ['a certificate for clients', { pair: project.notServer }, 'wrong_server', /none of a server/],
    [
      'a certificate of the user',
      { pair: project.user },
      'wrong_server',
      /is "[^"]*@[^"]*", and the kit expects/,
    ],
    [
      'another name',
      { cn: 'other' },
      'wrong_server',
      /is "other", and the kit expects "flare\.example\.com"/,
    ],
    [
      'a signature of somebody else',
      { challengeSignature: new Uint8Array(256) },
      'wrong_server',
      /have the key/,
    ],
    ['no certificate', { pair: { ...project.server, cert: 'none' } }, 'wrong_server', /no certificate/],
    [
      'too long a chain, which is not even parsed',
      { pair: { ...project.server, cert: BLOCK.repeat(21) } },
      'wrong_server',
      /more than 20 certificates/,
    ],
    ['a token that it did not sign', { tokenSignature: 'AAAA' }, 'wrong_server', /did not sign/],
    ['success without a token', { registration: {} }, 'login_refused', /says nothing of why/],
    ['an empty token', { login: { data: [{ type: 'token', data: '' }] } }, 'login_refused', /not let admin/],
    ['REJECT', { login: { data: [{ type: 'string', data: 'REJECT' }] } }, 'login_refused', /not let admin/],
    [
      'REJECT with a reason',
      { login: { data: [{ type: 'string', data: "REJECT: AUTH_UNKNOWN_STUDY: unknown study 'x'" }] } },
      'login_refused',
      /AUTH_UNKNOWN_STUDY/,
    ],
  ])('refuses a server that shows %s', async (_what, fake, status, text) => {
    const error = await failure(fake);
    expect(error).toMatchObject({ name: 'FlareError', status, code: 'REFUSED' });
    expect(String(error)).toMatch(text);
  });

  it.each([
    [
      'of a user of another name',
      { admin: { username: 'b@nvidia.com\u001b[2J' } },
      'BAD_CONFIG',
      /admin\.username .* "b@nvidia\.com\\u001b\[2J"/,
    ],
    ['of NVFlare 2.6', { admin: { project_name: undefined } }, 'NOT_SUPPORTED', /no admin\.project_name/],
    [
      'whose certificate is out of date',
      { pair: project.expired },
      'BAD_CONFIG',
      /client\.crt expired on .*: provision/,
    ],
    [
      'whose key is of another',
      { pair: { ...project.user, key: project.server.key } },
      'BAD_CONFIG',
      /does not fit/,
    ],
    ['of another name for the server', { admin: { server_identity: 'x' } }, 'REFUSED', /expects "x"/],
  ])('refuses a kit %s', async (_what, kit, code, text) => {
    const error = await failure({}, kit);
    expect(error).toMatchObject({ code });
    expect(String(error)).toMatch(text);
  });

  it('says who is not there', async () => {
    const port = await freePort();
    const kit = await userKit(port);
    await expect(connectSession(kit, { connectTimeoutMs: 2_000 })).rejects.toMatchObject({
      status: 'no_connection',
      message: expect.stringMatching(
        new RegExp(`127\\.0\\.0\\.1:${port} .* 2000 ms, .*ECONNREFUSED`),
      ) as unknown,
    });
  });

  it.skipIf(process.platform === 'win32')('warns of a key that others can read', async () => {
    const server = await FakeFlareServer.start();
    const kit = await userKit(server.port);
    chmodSync(join(kit, 'startup', 'client.key'), 0o640);
    const session = await connectSession(kit);
    onTestFinished(() => session.close());
    expect(session.warnings).toEqual([expect.stringMatching(/client\.key: chmod 600/)]);
  });

  it('refuses an option that there is not', async () => {
    const kit = await userKit(1);
    await expect(connectSession(kit, { pollSeconds: 1 } as SessionOptions)).rejects.toMatchObject({
      code: 'BAD_CONFIG',
    });
  });
});
