import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { readStartupKit } from '../../lib/flare/startup-kit.js';

const CLIENT_FILES = { ssl_root_cert: 'rootCA.pem', ssl_cert: 'client.crt', ssl_private_key: 'client.key' };
const SERVER_FILES = { ssl_root_cert: 'rootCA.pem', ssl_cert: 'server.crt', ssl_private_key: 'server.key' };
const ADMIN_FILES = { ca_cert: 'rootCA.pem', client_cert: 'client.crt', client_key: 'client.key' };
const agent = (sp_end_point: string) => ({ overseer_agent: { path: 'a.Dummy', args: { sp_end_point } } });

/** A folder with a kit, which has nothing but its JSON file. */
function kit(file: string, json: unknown): string {
  const directory = mkdtempSync(join(tmpdir(), 'rxflare-kit-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, 'startup'));
  writeFileSync(join(directory, 'startup', file), typeof json === 'string' ? json : JSON.stringify(json));
  return directory;
}

const client = (server: object, rest: object = {}, own: object = {}) => ({
  format_version: 2,
  servers: [{ name: 'project', ...server }],
  client: { ...CLIENT_FILES, ...own },
  ...rest,
});

/** The layouts that `nvflare provision` has made over time, and what they say. */
const LAYOUTS: readonly (readonly [string, string, unknown, object])[] = [
  [
    'a site of 2.5',
    'fed_client.json',
    client({ service: { scheme: 'grpc' } }, agent('flare.example.com:8002:8003')),
    {
      scheme: 'grpc',
      host: 'flare.example.com',
      port: 8002,
      security: 'mtls',
      serverIdentity: 'flare.example.com',
    },
  ],
  [
    'a site of 2.6, which knows the identity',
    'fed_client.json',
    client({ service: { scheme: 'grpc' }, identity: 'server1' }, agent('h:8002:8003'), {
      connection_security: 'tls',
    }),
    { scheme: 'grpc', host: 'h', port: 8002, security: 'tls', serverIdentity: 'server1', project: 'project' },
  ],
  [
    'a site of 2.8, which has a target',
    'fed_client.json',
    client({ service: { scheme: 'http', target: '[::1]:8102' }, identity: 'server' }, {}, { fqsn: 'site-1' }),
    { scheme: 'http', host: '::1', port: 8102, security: 'mtls', serverIdentity: 'server', fqsn: 'site-1' },
  ],
  [
    'a user of 2.5',
    'fed_admin.json',
    { admin: { ...ADMIN_FILES, username: 'a@b.org', ...agent('h:8002:8003') } },
    {
      role: 'admin',
      scheme: 'grpc',
      host: 'h',
      port: 8002,
      security: 'mtls',
      serverIdentity: 'h',
      user: 'a@b.org',
      project: undefined,
    },
  ],
  [
    'a user of 2.7',
    'fed_admin.json',
    {
      admin: {
        ...ADMIN_FILES,
        scheme: 'tcp',
        host: 'h',
        port: 8003,
        server_identity: 'server',
        connection_security: 'clear',
        project_name: 'project',
        username: 'somebody',
        uid_source: 'cert',
      },
    },
    {
      role: 'admin',
      scheme: 'tcp',
      host: 'h',
      port: 8003,
      security: 'clear',
      serverIdentity: 'server',
      project: 'project',
      user: undefined,
    },
  ],
  [
    'a server of 2.5',
    'fed_server.json',
    { servers: [{ service: { target: 'h:8002', scheme: 'grpc' }, admin_port: 8003, ...SERVER_FILES }] },
    { role: 'server', scheme: 'grpc', host: 'h', port: 8002, security: 'mtls', serverIdentity: undefined },
  ],
  [
    'a server of 2.9',
    'fed_server.json',
    {
      servers: [
        { service: { target: 'h:8002', scheme: 'http' }, ...SERVER_FILES, connection_security: 'tls' },
      ],
    },
    { role: 'server', scheme: 'http', host: 'h', port: 8002, security: 'tls', serverIdentity: undefined },
  ],
];

describe('readStartupKit', () => {
  it.each(LAYOUTS)('reads %s', (_what, file, json, expected) => {
    expect(readStartupKit(kit(file, json))).toMatchObject(expected);
  });

  it('takes the folder of the site, its startup folder, or the file, and names files by their paths', () => {
    const directory = kit('fed_client.json', client({ service: { target: 'h:1' } }));
    const startup = join(directory, 'startup');
    const expected = {
      role: 'client',
      directory: startup,
      caCert: join(startup, 'rootCA.pem'),
      cert: join(startup, 'client.crt'),
      key: join(startup, 'client.key'),
    };
    for (const path of [directory, startup, join(startup, 'fed_client.json')])
      expect(readStartupKit(path)).toMatchObject(expected);
  });

  it.each([
    ['no JSON', 'fed_client.json', '{', /fed_client\.json is no JSON$/],
    [
      'a scheme without ports',
      'fed_client.json',
      client({ service: { scheme: 'uds', target: 'h:1' } }),
      /fed_client\.json: expected a server .* grpc, http or tcp, and the kit says "scheme": "uds"$/,
    ],
    [
      'another layout',
      'fed_client.json',
      { servers: [{}] },
      /fed_client\.json: expected the layout of NVFlare 2\.5 to 2\.9, and client is missing$/,
    ],
    ['no server', 'fed_server.json', { servers: [] }, /and servers\[0\] is missing$/],
    ['no list of servers', 'fed_client.json', client({}, { servers: {} }), /and servers is not as there$/],
    ['no object', 'fed_admin.json', [], /and it is not as there$/],
    [
      'no certificate',
      'fed_client.json',
      client({}, {}, { ssl_cert: undefined }),
      /and client\.ssl_cert is missing$/,
    ],
    [
      'a name that is none',
      'fed_client.json',
      client({ identity: 5 }),
      /and servers\[0\]\.identity is not as there$/,
    ],
    [
      'a port that is none',
      'fed_admin.json',
      { admin: { ...ADMIN_FILES, host: 'h', port: {} } },
      /fed_admin\.json: .* and admin\.port is not as there$/,
    ],
    [
      'no address',
      'fed_client.json',
      client({}),
      /fed_client\.json: expected the server's address as host:port, got none/,
    ],
    ['no port', 'fed_client.json', client({ service: { target: 'h' } }), /got "h"/],
    ['port 0', 'fed_client.json', client({ service: { target: 'h:0' } }), /got "h:0"/],
    [
      'an unknown security',
      'fed_client.json',
      client({}, {}, { connection_security: 'some' }),
      /and client\.connection_security is not as there$/,
    ],
  ])('refuses a kit with %s', (_what, file, json, message) => {
    expect(() => readStartupKit(kit(file, json))).toThrow(
      expect.objectContaining({ code: 'BAD_CONFIG', message: expect.stringMatching(message) as unknown }),
    );
  });

  it.each(['h/?secure=false&a=', 'h#', 'a@h', ' h', '[::1/?a=b]'])('refuses the host %j', (host) => {
    const directory = kit('fed_client.json', client({ service: { target: `${host}:80` } }));
    expect(() => readStartupKit(directory)).toThrow("expected the server's address as host:port, got");
  });

  it('refuses a folder without a kit', () => {
    expect(() => readStartupKit(tmpdir())).toThrow(
      /^\/.* is no startup kit, it has no fed_client\.json, fed_admin\.json or fed_server\.json: give the folder/,
    );
    expect(() => readStartupKit('nowhere')).toThrow(/^\/.*\/nowhere is not there: give the folder/);
    expect(() => readStartupKit('/dev/zero')).toThrow(/^\/dev\/zero is no startup kit/);
  });

  it.each([
    [
      'a pipe or a device',
      (file: string) => {
        symlinkSync('/dev/zero', file);
      },
    ],
    [
      'a folder',
      (file: string) => {
        mkdirSync(file);
      },
    ],
    [
      'empty',
      (file: string) => {
        symlinkSync('/proc/version', file);
      },
    ],
    [
      '1048577 bytes',
      (file: string) => {
        writeFileSync(file, ' '.repeat(1_048_577));
      },
    ],
  ])('reads nothing that blocks or has no end: %s', (problem, make) => {
    const directory = kit('fed_client.json', {});
    rmSync(join(directory, 'startup', 'fed_client.json'));
    make(join(directory, 'startup', 'fed_client.json'));
    expect(() => readStartupKit(directory)).toThrow(
      expect.objectContaining({
        code: 'BAD_CONFIG',
        message: expect.stringMatching(
          `/fed_client\\.json (is|has) ${problem}.*: expected a file of at most`,
        ) as unknown,
      }),
    );
  });
});
