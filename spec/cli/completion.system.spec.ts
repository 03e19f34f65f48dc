import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, it, onTestFinished } from 'vitest';

import { createProgram } from '../../lib/cli/program.js';
import { RxflareProcess } from '../support/rxflare-process.js';

/** What bash offers for the last of these words, in a folder with a kit and a file. */
async function offered(...words: readonly string[]): Promise<string[]> {
  const cwd = await mkdtemp(join(tmpdir(), 'rxflare-completion-'));
  onTestFinished(() => rm(cwd, { recursive: true }));
  await mkdir(join(cwd, 'site-1'));
  await writeFile(join(cwd, 'client.key'), '');
  const { exitCode, stdout: script } = await RxflareProcess.run('completion', 'bash');
  expect(exitCode).toBe(0);
  const ask = `${script}
COMP_WORDS=(rxflare "$@") COMP_CWORD=$#
_rxflare
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await promisify(execFile)('bash', ['-uc', ask, 'bash', ...words], { cwd });
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion in bash', () => {
  it('offers all commands', async () => {
    const commands = createProgram().commands.map((command) => command.name());
    expect(await offered('')).toEqual(expect.arrayContaining(commands));
    expect(await offered('pi')).toEqual(['ping']);
  });

  it('offers the options of a command, and of no other', async () => {
    expect(await offered('ping', '--')).toEqual(
      expect.arrayContaining(['--kit', '--count', '--json', '--help']),
    );
    expect(await offered('ping', 'tcp://localhost:8002', '--co')).toEqual([
      '--connection-security',
      '--count',
    ]);
    expect(await offered('ping', '--echo')).toEqual([]);
  });

  it('offers files where a command takes one, and commands behind help', async () => {
    expect(await offered('push', 'cl')).toEqual(['client.key']);
    expect(await offered('pull', 'tcp://localhost:8002', 'cl')).toEqual(['client.key']);
    expect(await offered('request', 'cl')).toEqual([]);
    expect(await offered('help', 'pi')).toEqual(['ping']);
    expect(await offered('he')).toEqual(['help']);
  });

  it('offers the commands of a group, and the options and files of these', async () => {
    expect(await offered('flare', 's')).toEqual(['status', 'sites', 'submit']);
    expect(await offered('flare', 'submit', '--w')).toEqual(['--watch']);
    expect(await offered('flare', 'submit', 'cl')).toEqual(['client.key']);
    expect(await offered('flare', 'status', '--w')).toEqual([]);
    expect(await offered('flare', 'status', '--kit', '')).toEqual(['site-1']);
  });

  it('offers what an option takes: folders, files, choices, or nothing', async () => {
    expect(await offered('ping', '--kit', '')).toEqual(['site-1']);
    expect(await offered('ping', '--key', 'cl')).toEqual(['client.key']);
    expect(await offered('ping', '--connection-security', 'm')).toEqual(['mtls']);
    expect(await offered('ping', '--count', '')).toEqual([]);
    expect(await offered('completion', 'z')).toEqual(['zsh']);
  });
});
