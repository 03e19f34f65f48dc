import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { DEFAULTS } from '../../lib/index.js';
import { networksObstacle } from '../faults/network.js';
import { type ClusterTools, clusterTools } from '../support/cluster-tools.js';
import { withDistribution } from '../support/distribution.js';
import { natsExecutable } from '../support/nats-server.js';
import { Services } from './services.js';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = join(ROOT, 'docs/examples/cluster');
const TOKEN = 'a-token-of-this-spec';
const INSTALL_TIMEOUT_MS = 240_000;

/** What we read of a service of Compose. */
interface ComposeService {
  readonly command: readonly string[] | null;
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly stop_grace_period?: string;
}

/** What we read of a container of a pod. */
interface Container {
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly valueFrom: unknown }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly readinessProbe: {
    readonly exec?: { readonly command: readonly string[] };
    readonly httpGet?: { readonly path: string };
  };
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds?: number;
        readonly containers: readonly [Container];
      };
    };
  };
}

let tools: ClusterTools;
let services: Readonly<Record<string, ComposeService>>;
let manifests: readonly Manifest[];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rxflare-examples-'));
  tools = await clusterTools();
  const env = { ...process.env, NATS_TOKEN: TOKEN };
  const compose = ['--file', join(FOLDER, 'compose.yaml'), 'config', '--format', 'json'];
  ({ services } = JSON.parse((await run(tools.compose, compose, { env })).stdout) as {
    services: Record<string, ComposeService>;
  });
  const read = 'import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))';
  const { stdout } = await run(tools.python, ['-c', read, join(FOLDER, 'kubernetes.yaml')]);
  manifests = JSON.parse(stdout) as readonly Manifest[];
}, INSTALL_TIMEOUT_MS);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the files of docs/examples/cluster', () => {
  it('are what their tools take', async () => {
    await run(tools.hadolint, [join(FOLDER, 'Dockerfile')]);
    await run(tools.kubernetesValidate, ['--strict', join(FOLDER, 'kubernetes.yaml')]);
    await run(tools.haproxy, ['-c', '-f', join(FOLDER, 'haproxy.cfg')]);
    const compose = ['--file', join(FOLDER, 'compose.yaml'), 'config', '--quiet'];
    // Its wrapper ends with 0 always.
    const env = { ...process.env, NATS_TOKEN: TOKEN };
    expect(await run(tools.compose, compose, { env })).toMatchObject({ stderr: '' });
    expect((await run(tools.compose, compose)).stderr).toContain('the token that the replicas show to NATS');
  });

  it('say the same in Compose and in Kubernetes', async () => {
    const hub = containerOf('Deployment', 'hub');
    expect(hub.args).toEqual(services['hub-1']?.command);
    expect(['CMD', ...(hub.readinessProbe.exec?.command ?? [])]).toEqual(
      services['hub-1']?.healthcheck?.test,
    );
    expect(containerOf('StatefulSet', 'nats').args).toEqual(services.nats?.command);
    const config = manifests.find(({ kind }) => kind === 'ConfigMap')?.data?.['nats.conf'] ?? '';
    expect(config).not.toBe('');
    expect(await readFile(join(FOLDER, 'nats.conf'), 'utf8')).toContain(config);
  });

  it('give a replica longer to stop than it takes at most', () => {
    const mostMs = 4 * DEFAULTS.drainTimeoutMs;
    const pause = Number(containerOf('Deployment', 'hub').lifecycle?.preStop.exec.command[1]);
    const { terminationGracePeriodSeconds: seconds = 0 } = manifestOf('Deployment', 'hub').spec.template.spec;
    expect((seconds - pause) * 1_000).toBeGreaterThan(mostMs);
    expect(Number.parseFloat(services['hub-1']?.stop_grace_period ?? '0') * 1_000).toBeGreaterThan(mostMs);
  });
});

const obstacle = await networksObstacle();

describe.skipIf(obstacle !== '')(`their services${obstacle && ` (skipped: ${obstacle})`}`, () => {
  it(
    'run with the commands, ports and environment that they have there, and pass their probes',
    async () => {
      const path = await install();
      const settings = await ownSettings();
      const programs = { nats: await natsExecutable(), hub: 'rxflare', balancer: tools.haproxy };
      const hubs = ['hub-1', 'hub-2', 'hub-3'];
      await using network = await Services.make(['nats', ...hubs, 'balancer', 'outside'], { PATH: path });
      const service = (name: string): ComposeService => services[name] ?? { command: null };
      const start = (name: string, program: string) => {
        const { command, environment = {} } = service(name);
        return network.start(
          name,
          [program, ...(command ?? ['-f', settings.balancer]).map(settings.of)],
          environment,
        );
      };
      const isHealthy = (name: string) => {
        const [kind, ...probe] = service(name).healthcheck?.test ?? [];
        expect(kind).toBe('CMD');
        return network.run(name, probe);
      };

      const nats = start('nats', programs.nats);
      await expect.poll(() => isHealthy('nats')).toBe(0);
      const replicas = hubs.map((name) => start(name, programs.hub));
      for (const hub of hubs) await expect.poll(() => isHealthy(hub)).toBe(0);
      start('balancer', programs.balancer);

      const names = ['site-1', 'site-2', 'site-3'];
      const sites = names.map((name) =>
        network.start('outside', ['rxflare', 'connect', 'tcp://balancer:8002', '--name', name]),
      );
      for (const site of sites) await expect.poll(() => site.output).toContain('READY');
      for (const replica of replicas)
        for (const name of names)
          await expect.poll(() => eventsOf(replica.output, name).at(-1)).toMatchObject({ state: 'READY' });

      // A replica is updated: its site goes to another one.
      const [first, second] = replicas;
      expect(await first?.end()).toBe(0);
      const moved = eventsOf(first?.output ?? '', '').filter(
        ({ replica, name }) => replica === undefined && names.includes(name),
      );
      expect(moved.length).toBeGreaterThan(0);
      for (const { name } of moved)
        await expect
          .poll(() => eventsOf(second?.output ?? '', name).filter(({ state }) => state === 'READY').length)
          .toBeGreaterThan(1);

      // Without NATS a replica takes no newcomer, and lives.
      await nats.end();
      await expect.poll(() => isHealthy('hub-2')).not.toBe(0);
      const port = containerOf('Deployment', 'hub').ports[0]?.containerPort ?? 0;
      expect(await network.run('hub-2', ['bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`])).toBe(0);
      start('nats', programs.nats);
      await expect.poll(() => isHealthy('hub-2')).toBe(0);
    },
    INSTALL_TIMEOUT_MS,
  );
});

/** Does what the Dockerfile does, in a folder; the PATH that its commands have. */
async function install(): Promise<string> {
  const pack = ['pack', '--ignore-scripts', '--pack-destination', folder];
  await withDistribution(async () => {
    await run('npm', pack, { cwd: ROOT });
  });
  const dockerfile = (await readFile(join(FOLDER, 'Dockerfile'), 'utf8')).replaceAll('\\\n', '');
  const [, command = 'false'] = /^RUN (.*)$/m.exec(dockerfile) ?? [];
  await run('sh', ['-c', command], { cwd: folder, timeout: INSTALL_TIMEOUT_MS });
  const [, path = ''] = /^ENV PATH=(.*)$/m.exec(dockerfile) ?? [];
  return path.replace('/app', folder).replace('$PATH', process.env.PATH ?? '');
}

/** Settings of NATS and of the balancer where this machine has their folders; and no DNS of Docker. */
async function ownSettings() {
  const nats = join(folder, 'nats.conf');
  const balancer = join(folder, 'haproxy.cfg');
  const text = await readFile(join(FOLDER, 'nats.conf'), 'utf8');
  await writeFile(nats, text.replace('/data', join(folder, 'data')));
  await copyFile(join(FOLDER, 'haproxy.cfg'), balancer);
  const of = (word: string): string => (word === '/etc/nats/nats.conf' ? nats : word);
  await writeFile(balancer, (await readFile(balancer, 'utf8')).replace(' resolvers docker', ''));
  return { balancer, of };
}

function eventsOf(
  output: string,
  name: string,
): readonly { readonly name: string; readonly state: string; readonly replica?: string }[] {
  const lines = output.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
  const events = lines.map((line) => JSON.parse(line) as { event: string; name: string; state: string });
  return events.filter((each) => each.event === 'endpoint' && each.name.startsWith(name));
}

function manifestOf(kind: string, name: string): Manifest {
  const found = manifests.find((each) => each.kind === kind && each.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
}

function containerOf(kind: string, name: string): Container {
  return manifestOf(kind, name).spec.template.spec.containers[0];
}
