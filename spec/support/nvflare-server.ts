import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import { freePort } from './free-port.js';
import { nvflarePython } from './python.js';

/** A project of one server, one site and one user, as `nvflare provision` reads it: JSON is YAML. */
function project(version: string, port: number, adminPort: number) {
  const isOld = version.startsWith('2.5.');
  const impl = 'nvflare.lighter.impl';
  const agent = {
    path: 'nvflare.ha.dummy_overseer_agent.DummyOverseerAgent',
    overseer_exists: false,
    args: { sp_end_point: `localhost:${port}:${adminPort}` },
  };
  const server = { name: 'localhost', type: 'server', org: 'nvidia', fed_learn_port: port };
  return {
    api_version: 3,
    name: 'rxflare',
    description: 'A project of tests.',
    participants: [
      isOld ? { ...server, admin_port: adminPort } : server,
      { name: 'site-1', type: 'client', org: 'nvidia' },
      { name: 'admin@nvidia.com', type: 'admin', org: 'nvidia', role: 'project_admin' },
    ],
    builders: [
      { path: `${impl}.workspace.WorkspaceBuilder`, args: { template_file: ['master_template.yml'] } },
      ...(isOld ? [{ path: `${impl}.template.TemplateBuilder` }] : []),
      {
        path: `${impl}.static_file.StaticFileBuilder`,
        args: { config_folder: 'config', ...(isOld ? { overseer_agent: agent } : {}) },
      },
      { path: `${impl}.cert.CertBuilder` },
      { path: `${impl}.signature.SignatureBuilder` },
    ],
  };
}

/** A real NVFlare server, started from the kit that `nvflare provision` of its version has made. */
export class NvflareServer {
  /** The folder with the kits of `site-1` and `admin@nvidia.com`. */
  readonly kits: string;
  readonly #process: ChildProcess;
  readonly #directory: string;

  private constructor(process: ChildProcess, kits: string, directory: string) {
    this.#process = process;
    this.kits = kits;
    this.#directory = directory;
  }

  /** Provisions, starts the server, and waits until it listens. */
  static async start(version: string): Promise<NvflareServer> {
    const python = await nvflarePython(version);
    const directory = await mkdtemp(join(tmpdir(), 'rxflare-provision-'));
    const file = join(directory, 'project.yml');
    await writeFile(file, JSON.stringify(project(version, await freePort(), await freePort())));
    const nvflare = join(dirname(python), 'nvflare');
    await promisify(execFile)(nvflare, ['provision', '-p', file, '-w', directory], { cwd: directory });
    const kits = join(directory, 'rxflare', 'prod_00');
    const workspace = join(kits, 'localhost');
    const options = ['secure_train=true', 'org=nvidia', 'config_folder=config'];
    const module = ['-u', '-m', 'nvflare.private.fed.app.server.server_train'];
    const args = [...module, '-m', workspace, '-s', 'fed_server.json', '--set', ...options];
    // Into one pipe, since a version logs to either.
    const server = spawn('/bin/sh', ['-c', 'exec "$0" "$@" 2>&1', python, ...args], { cwd: workspace });
    const started = new NvflareServer(server, kits, directory);
    const lines: string[] = [];
    for await (const line of createInterface({ input: server.stdout })) {
      lines.push(line);
      if (line.includes('Server started')) {
        server.stdout.resume();
        return started;
      }
    }
    throw new Error(`the server of NVFlare ${version} did not start\n${lines.join('\n')}`);
  }

  /** Ends it, and removes what was provisioned. */
  async stop(): Promise<void> {
    const closed = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await closed;
    await rm(this.#directory, { recursive: true });
  }
}
