import { watch } from 'node:fs';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { firstValueFrom, fromEvent, lastValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';

import { Cell, type IncomingStream } from '../../lib/cellnet/index.js';
import { saveStream } from '../../lib/cli/cells-file.js';
import { Mode } from '../../lib/index.js';
import { communicator, stopAll } from '../support/communicators.js';
import { pattern } from '../support/pattern.js';

const BYTES = pattern(100_000);

afterEach(stopAll);

/** A cell of which the communicator runs. */
async function started(name: string, mode: Mode): Promise<Cell> {
  const made = communicator(name);
  made.addConnector('inproc://cells-file', mode);
  const cell = new Cell(made);
  await made.start();
  return cell;
}

/** A stream of {@link BYTES} that has come from another cell. */
async function incoming(): Promise<IncomingStream> {
  const receiver = await started('receiver', Mode.PASSIVE);
  const stream = firstValueFrom(receiver.streams('app', 'file'));
  const sender = await started('sender', Mode.ACTIVE);
  await firstValueFrom(sender.communicator.ready('receiver'));
  sender.sendStream('receiver', 'app', 'file', BYTES).subscribe({ error: () => undefined });
  return stream;
}

describe('a stream that is saved', () => {
  it('may have the longest name of a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rxflare-cells-file-'));
    const name = 'n'.repeat(255);
    await lastValueFrom(saveStream(await incoming(), join(folder, name), BYTES.length));
    expect(await readdir(folder)).toEqual([name]);
    expect((await readFile(join(folder, name))).equals(BYTES)).toBe(true);
  });

  it('leaves no part where it is given up while the part is opened', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rxflare-cells-file-'));
    const watcher = watch(folder);
    const part = firstValueFrom(fromEvent(watcher, 'change'));
    saveStream(await incoming(), join(folder, 'file'), BYTES.length)
      .subscribe()
      .unsubscribe();
    await part;
    watcher.close();
    await expect.poll(() => readdir(folder)).toEqual([]);
  });
});
