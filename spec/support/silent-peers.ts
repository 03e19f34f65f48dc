import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Connects `count` times to a port, says the same thing each time, and then nothing. Tells when all are through. */
const PROGRAM = `
const { connect } = require('node:net');
const [port, count] = [Number(process.argv[1]), Number(process.argv[2])];
const greeting = Buffer.from(process.argv[3], 'hex');
let begun = 0, through = 0;
function begin() {
  begun += 1;
  const socket = connect(port, '127.0.0.1', () => {
    if (greeting.length > 0) socket.write(greeting);
    through += 1;
    if (through === count) process.send('all through');
    if (begun < count) begin();
  });
  socket.on('error', () => undefined).resume();
}
while (begun < Math.min(count, 200)) begin();
process.once('disconnect', () => process.exit());
`;

/** Peers in a process of their own that connect and are silent. */
export class SilentPeers implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /**
   * Resolves when all of them have been connected.
   *
   * @param greeting - sent on each connection
   */
  static async connect(url: string, count: number, greeting = ''): Promise<SilentPeers> {
    const args = ['-e', PROGRAM, new URL(url).port, String(count), Buffer.from(greeting).toString('hex')];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    await once(child, 'message');
    return new SilentPeers(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await ended;
  }
}
