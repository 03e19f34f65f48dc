import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

import { Unicode11Addon } from '@xterm/addon-unicode11';
import xterm from '@xterm/headless';
import { filter, firstValueFrom, Subject, timeout } from 'rxjs';

const PTY = fileURLToPath(new URL('terminal.py', import.meta.url));

/** How a command ended. */
export interface PtyResult {
  /** The exit code, or the number of the signal that ended it, below 0. */
  readonly status: number;
  /** Whether the terminal shows what is typed, as it did before. */
  readonly echoes: boolean;
}

/** A command in a terminal: what it writes is shown by a terminal emulator. */
export class PtyProcess implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #closed: Promise<unknown>;
  readonly #terminal: InstanceType<typeof xterm.Terminal>;
  readonly #changed = new Subject<void>();
  #written = '';
  #report = '';

  constructor(columns: number, rows: number, command: readonly string[]) {
    this.#terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
    this.#terminal.loadAddon(new Unicode11Addon());
    this.#terminal.unicode.activeVersion = '11';
    this.#child = spawn('python3', [PTY, String(columns), String(rows), ...command], {
      env: { ...process.env, TERM: 'xterm-256color' },
    });
    this.#closed = once(this.#child, 'close');
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#written += text;
      this.#terminal.write(text, () => this.#changed.next());
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#report += text));
  }

  /** Everything that it wrote, as it is. */
  get written(): string {
    return this.#written;
  }

  /** Whether it has the screen to itself, as an editor has. */
  get isAlternate(): boolean {
    return this.#terminal.buffer.active.type === 'alternate';
  }

  /** The lines on the screen. One that was too long is marked: what follows on the next line begins with `↪`. */
  get lines(): readonly string[] {
    const { active } = this.#terminal.buffer;
    return Array.from({ length: this.#terminal.rows }, (_, row) => {
      const line = active.getLine(active.baseY + row);
      return (line?.isWrapped === true ? '↪' : '') + (line?.translateToString(true) ?? '');
    });
  }

  /** Waits until the lines on the screen match, and returns them. */
  async until(
    matches: (lines: readonly string[]) => boolean,
    timeoutMs = 50_000,
  ): Promise<readonly string[]> {
    if (!matches(this.lines)) {
      const changed$ = this.#changed.pipe(
        filter(() => matches(this.lines)),
        timeout({
          first: timeoutMs,
          with: () => {
            throw new Error(`waited in vain for ${matches.toString()}\n${this.lines.join('\n')}`);
          },
        }),
      );
      await firstValueFrom(changed$);
    }
    return this.lines;
  }

  /** Types. */
  press(keys: string): void {
    this.#order({ keys });
  }

  /** Gives the terminal another size. */
  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows);
    this.#order({ resize: [columns, rows] });
  }

  /** Sends a signal to the command. */
  signal(name: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): void {
    this.#order({ signal: constants.signals[name] });
  }

  /** Waits for the end of the command. */
  async ended(): Promise<PtyResult> {
    await this.#closed;
    await new Promise<void>((resolve) => this.#terminal.write('', resolve));
    return JSON.parse(this.#report) as PtyResult;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) this.signal('SIGKILL');
    await this.#closed;
    this.#terminal.dispose();
  }

  #order(order: object): void {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
  }
}
