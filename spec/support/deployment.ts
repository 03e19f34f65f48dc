import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { freePort } from './free-port.js';
import { nvflarePython } from './python.js';
import { PythonProcess } from './python-process.js';

/** What to deploy. */
export interface DeploymentOptions {
  /** Of NVFlare, 2.7 or later, as PyPI knows it: `2.9.0`. */
  readonly version: string;
  readonly scheme: 'grpc' | 'http' | 'tcp';
  /** Default: `['site-1', 'site-2']`. */
  readonly sites?: readonly string[];
  /** After how many seconds without a command the server ends a session. Default: 1,800, which servers cannot be told otherwise. */
  readonly idleSeconds?: number;
}

/** The project of every deployment. */
export const PROJECT = 'rxflare';
/** Has the role `project_admin`. */
export const ADMIN = 'admin@nvidia.com';
/** Has the role `member`, which may look and do nothing. */
export const MEMBER = 'member@nvidia.com';

const SCRIPT = fileURLToPath(new URL('deployment_api.py', import.meta.url));
const ENDING = fileURLToPath(new URL('ending_certificate.py', import.meta.url));
const RUN = 'nvflare.private.fed.app';
/** Becomes the script of a kit, which runs the first `python3` of the path. */
const BASH =
  "import os, sys; os.environ['PATH'] = os.path.dirname(sys.executable) + ':' + os.environ['PATH']; " +
  "os.execvp('bash', ['bash', sys.argv[1]])";

/**
 * A provisioned NVFlare project whose server and sites run as processes of this machine, in a folder that goes with them.
 * Start-up takes some 10 s: the tests of a file share one.
 */
export class Deployment implements AsyncDisposable {
  readonly version: string;
  readonly port: number;
  /** The kit of {@link ADMIN}. */
  readonly adminKit: string;
  /** The kit of {@link MEMBER}. */
  readonly memberKit: string;
  readonly sites: readonly string[];
  readonly #python: string;
  readonly #directory: string;
  readonly #kits: string;
  #hasScripts = false;
  readonly #idleSeconds: number | undefined;
  readonly #processes = new Map<string, PythonProcess>();
  #api: PythonProcess | undefined;
  #calls = 0;

  private constructor(python: string, directory: string, port: number, options: DeploymentOptions) {
    this.version = options.version;
    this.port = port;
    this.sites = options.sites ?? ['site-1', 'site-2'];
    this.#python = python;
    this.#directory = directory;
    this.#idleSeconds = options.idleSeconds;
    this.#kits = join(directory, PROJECT, 'prod_00');
    this.adminKit = this.kitOf(ADMIN);
    this.memberKit = this.kitOf(MEMBER);
  }

  /** Provisions, starts all, and waits until the sites are registered. */
  static async start(options: DeploymentOptions): Promise<Deployment> {
    const python = await nvflarePython(options.version);
    const directory = await mkdtemp(join(tmpdir(), 'rxflare-deployment-'));
    const deployment = new Deployment(python, directory, await freePort(), options);
    try {
      await deployment.#provision(options);
      for (const site of deployment.sites) deployment.#startSite(site);
      await deployment.startServer();
      return deployment;
    } catch (error) {
      await deployment.stop();
      throw error;
    }
  }

  /** The kit that was made for a participant: a site, a user, or the server, which is `localhost`. */
  kitOf(participant: string): string {
    return join(this.#kits, participant);
  }

  /** A copy of the kit of {@link ADMIN} whose certificate ends so soon, issued by the authority of the project. */
  async kitThatEnds(seconds: number): Promise<string> {
    const kit = join(this.#directory, `ends-in-${seconds}`);
    await cp(this.adminKit, kit, { recursive: true });
    const state = join(this.#directory, PROJECT, 'state', 'cert.json');
    await promisify(execFile)(this.#python, [
      ENDING,
      state,
      join(kit, 'startup', 'client.crt'),
      `${seconds}`,
    ]);
    return kit;
  }

  /** The last lines that the server or a site has logged. */
  logOf(participant: string): string {
    return this.#processes.get(participant)?.log ?? '';
  }

  /** Waits until the server or a site, as it runs now, has logged a line that matches. */
  async logged(participant: string, pattern: RegExp): Promise<string> {
    const found = this.#processes.get(participant);
    if (found === undefined) throw new Error(`${participant} does not run`);
    return found.line(pattern);
  }

  /** Ends the server without a farewell. */
  async killServer(): Promise<void> {
    await this.#kill('localhost');
  }

  /** Ends the server before this returns, in the middle of whatever it does. {@link Deployment.restartServer} starts it again. */
  killServerAtOnce(): void {
    this.#processes.get('localhost')?.killAtOnce();
  }

  /** Starts the server, which {@link Deployment.killServer} ended, and waits for the sites, or for itself alone. */
  async startServer(waitFor: 'sites' | 'server' = 'sites'): Promise<void> {
    const server = this.#run('localhost', `${RUN}.server.server_train`, 'fed_server.json', []);
    await server.line(/Server started/);
    if (waitFor === 'server') return;
    const known = this.sites.map(
      (site) => new RegExp(`New client ${site}@|Re-activate the client: ${site} `),
    );
    await Promise.all(known.map((pattern) => server.line(pattern)));
  }

  /** Ends all, and starts all by the scripts of their kits, which start anew what ends, after some seconds. */
  async startByScripts(): Promise<void> {
    await Promise.all([...this.#processes.keys()].map((name) => this.#kill(name)));
    this.#hasScripts = true;
    for (const site of this.sites) this.#startSite(site);
    await this.startServer();
    // A session of Python that has lost its server answers "no connection" for some time: it logs in anew.
    await this.#api?.kill();
    this.#api = undefined;
  }

  /** Ends the server, starts it again, and waits for the sites, or for the server alone. */
  async restartServer(waitFor: 'sites' | 'server' = 'sites'): Promise<void> {
    await this.killServer();
    await this.startServer(waitFor);
  }

  /**
   * Runs statements of Python in one process that has a `Session` of `flare_api` with the admin kit as `session`.
   *
   * @returns what they assign to `result`, through JSON
   */
  async flareApi<T>(code: string): Promise<T> {
    this.#api ??= new PythonProcess(this.#python, [SCRIPT, ADMIN, this.adminKit], this.#directory);
    const id = ++this.#calls;
    this.#api.write(JSON.stringify({ id, code }));
    const line = await this.#api.line(new RegExp(`^\\{"id": ${id},`));
    const { result, error } = JSON.parse(line) as { readonly result: T; readonly error?: string };
    if (error !== undefined) throw new Error(error);
    return result;
  }

  /** Ends all processes by their ids, and removes the folder. */
  async stop(): Promise<void> {
    await Promise.all([this.#api?.kill(), ...[...this.#processes.keys()].map((name) => this.#kill(name))]);
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #provision(options: DeploymentOptions): Promise<void> {
    const file = join(this.#directory, 'project.yml');
    await writeFile(file, JSON.stringify(project(options, this.port, this.sites)));
    const nvflare = join(dirname(this.#python), 'nvflare');
    const args = ['provision', '-p', file, '-w', this.#directory];
    await promisify(execFile)(nvflare, args, { cwd: this.#directory });
    // A server keeps jobs in a folder of all servers of the machine, unless its resources name another.
    const resources = join(this.kitOf('localhost'), 'local', 'resources.json');
    const content = await readFile(`${resources}.default`, 'utf8');
    await writeFile(resources, content.replaceAll('/tmp/nvflare', this.#directory));
  }

  #startSite(site: string): void {
    this.#run(site, `${RUN}.client.client_train`, 'fed_client.json', [`uid=${site}`]);
  }

  #run(name: string, module: string, file: string, options: readonly string[]): PythonProcess {
    const workspace = this.kitOf(name);
    const settings = ['secure_train=true', ...options, 'org=nvidia', 'config_folder=config'];
    const run =
      this.#idleSeconds === undefined ? ['-m', module] : ['-c', impatient(module, this.#idleSeconds)];
    const args = [...run, '-m', workspace, '-s', file, '--set', ...settings];
    const script = ['-c', BASH, join(workspace, 'startup', 'sub_start.sh')];
    const started = new PythonProcess(this.#python, this.#hasScripts ? script : args, workspace);
    this.#processes.set(name, started);
    return started;
  }

  async #kill(name: string): Promise<void> {
    await this.#processes.get(name)?.kill();
    this.#processes.delete(name);
  }
}

/** A program that runs a module of NVFlare with another limit on idle sessions, for which it looks twice a second. */
function impatient(module: string, idleSeconds: number): string {
  return [
    'import runpy',
    'from nvflare.fuel.hci.server.sess import SessionManager',
    `SessionManager.__init__.__defaults__ = (${idleSeconds}, 0.5)`,
    `runpy.run_module("${module}", run_name="__main__", alter_sys=True)`,
  ].join('\n');
}

/** What `nvflare provision` reads: JSON is YAML. */
function project(
  { scheme }: DeploymentOptions,
  port: number,
  sites: readonly string[],
): Readonly<Record<string, unknown>> {
  const impl = 'nvflare.lighter.impl';
  const org = 'nvidia';
  return {
    api_version: 3,
    name: PROJECT,
    description: 'A project of tests.',
    participants: [
      { name: 'localhost', type: 'server', org, fed_learn_port: port },
      ...sites.map((name) => ({ name, type: 'client', org })),
      { name: ADMIN, type: 'admin', org, role: 'project_admin' },
      { name: MEMBER, type: 'admin', org, role: 'member' },
    ],
    builders: [
      { path: `${impl}.workspace.WorkspaceBuilder`, args: { template_file: ['master_template.yml'] } },
      { path: `${impl}.static_file.StaticFileBuilder`, args: { config_folder: 'config', scheme } },
      { path: `${impl}.cert.CertBuilder` },
      { path: `${impl}.signature.SignatureBuilder` },
    ],
  };
}
