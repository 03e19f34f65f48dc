import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Addresses for documentation, which no network uses (RFC 5737). */
const SUBNET = '192.0.2';

/** A command of a service, and what it has written. */
export class Service {
  output = '';
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#closed = once(child, 'close');
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
  }

  /** Sends a signal, and waits for the end. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    this.#child.kill(signal);
    await this.#closed;
    return this.#child.exitCode;
  }
}

let made = 0;

/**
 * Networks of Linux for services, as those of a Compose file or of pods: each has its own address and ports, and knows the
 * others by name.
 */
export class Services implements AsyncDisposable {
  readonly #prefix: string;
  readonly #names: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #running: Service[] = [];

  private constructor(names: readonly string[], env: Readonly<Record<string, string>>) {
    made += 1;
    this.#prefix = `rxflare-${process.pid}-services-${made}`;
    this.#names = names;
    this.#env = env;
  }

  /** Needs root on Linux, and `ip` of iproute2. @param env - of all commands, beside that of this process */
  static async make(names: readonly string[], env: Readonly<Record<string, string>>): Promise<Services> {
    const services = new Services(names, env);
    try {
      await services.#build();
      return services;
    } catch (error) {
      await services[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts a command at a service. Its input stays open. */
  start(name: string, command: readonly string[], env: Readonly<Record<string, string>> = {}): Service {
    const args = ['netns', 'exec', this.#namespace(name), ...command];
    const child = spawn('ip', args, {
      env: { ...process.env, ...this.#env, ...env },
      stdio: 'pipe',
    });
    const service = new Service(child);
    this.#running.push(service);
    return service;
  }

  /** Runs a command at a service; its exit code. */
  async run(
    name: string,
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<number> {
    const args = ['netns', 'exec', this.#namespace(name), ...command];
    const ended = run('ip', args, { env: { ...process.env, ...this.#env, ...env } });
    return ended.then(
      () => 0,
      (error: unknown) => Number(error instanceof Error && 'code' in error ? error.code : -1),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#running.map((service) => service.end('SIGKILL')));
    const { stdout } = await run('ip', ['netns', 'list']).catch(() => ({ stdout: '' }));
    const there = stdout.split('\n').map((line) => line.split(' ')[0]);
    for (const name of [...this.#names, 'switch'].map((each) => this.#namespace(each))) {
      if (there.includes(name)) await run('ip', ['netns', 'delete', name]);
      await rm(hostsDirectory(name), { recursive: true, force: true });
    }
  }

  async #build(): Promise<void> {
    const middle = this.#namespace('switch');
    const address = (index: number): string => `${SUBNET}.${index + 1}`;
    const hosts = ['127.0.0.1 localhost', ...this.#names.map((name, index) => `${address(index)} ${name}`)];
    await run('ip', ['netns', 'add', middle]);
    await run('ip', ['-n', middle, 'link', 'add', 'switch', 'type', 'bridge']);
    await run('ip', ['-n', middle, 'link', 'set', 'switch', 'up']);
    for (const [index, name] of this.#names.entries()) {
      const own = this.#namespace(name);
      await mkdir(hostsDirectory(own), { recursive: true });
      await writeFile(join(hostsDirectory(own), 'hosts'), `${hosts.join('\n')}\n`);
      await run('ip', ['netns', 'add', own]);
      const there = ['peer', 'name', 'eth0', 'netns', own];
      await run('ip', ['-n', middle, 'link', 'add', `port${index}`, 'type', 'veth', ...there]);
      await run('ip', ['-n', middle, 'link', 'set', `port${index}`, 'master', 'switch', 'up']);
      await run('ip', ['-n', own, 'address', 'add', `${address(index)}/24`, 'dev', 'eth0']);
      await run('ip', ['-n', own, 'link', 'set', 'eth0', 'up']);
      await run('ip', ['-n', own, 'link', 'set', 'lo', 'up']);
    }
  }

  #namespace(name: string): string {
    return `${this.#prefix}-${name}`;
  }
}

/** `ip netns exec` shows its files in place of those of `/etc`. */
function hostsDirectory(namespace: string): string {
  return join('/etc/netns', namespace);
}
