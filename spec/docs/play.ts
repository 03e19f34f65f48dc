import { once } from 'node:events';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { nvflarePython } from '../support/python.js';
import { type Block, goesOn, valueOf } from './blocks.js';
import { openPage } from './browser-page.js';
import { type Actor, Program } from './program.js';
import type { Scene } from './scenes.js';
import { put, type Stage, type Workspace } from './workspace.js';

const NVFLARE = '2.9.0';
const BIND_TIMEOUT_MS = 120_000;

/** Runs a scene. Rejects when anything in it is not as the page has it. */
export async function play({ blocks }: Scene, workspace: Workspace): Promise<void> {
  const stage = await workspace.stage(blocks.some(isForCheckout));
  const going: { readonly block: Block; readonly actor: Actor }[] = [];
  try {
    for (const block of blocks) {
      const actor = await start(block, stage, blocks[0] ?? block);
      if (goesOn(block)) going.unshift({ block, actor });
      else await actor.ends(block.output);
      const isNeeded = goesOn(block) && block !== blocks.at(-1);
      if (isNeeded) await bound((await stage.localize(block.code)).ports);
    }
    for (const { block, actor } of going) if (block.output !== undefined) await actor.begins(block.output);
    for (const { actor } of going) await actor.stop();
  } finally {
    for (const { actor } of going) await actor.kill();
  }
}

async function start(block: Block, stage: Stage, server: Block): Promise<Actor> {
  const { language, place, words } = block;
  const { text } = await stage.localize(block.code);
  const program = (...command: string[]) => new Program(block, command, stage.directory, stage.env);
  // A terminal shows both streams in their order. A signal is for the command, and the shell waits for its end.
  if (language === 'sh') return program('sh', '-ec', `exec 2>&1; trap : TERM\n${text}`);
  const name = `${place.replaceAll(/\W/g, '-')}.${language === 'ts' ? 'ts' : 'py'}`;
  const path = join(stage.directory, valueOf(block, 'file') ?? name);
  await put(path, text);
  if (language === 'python') return program(await nvflarePython(NVFLARE), path);
  if (words.includes('page'))
    return openPage(block, path, stage.directory, (await stage.localize(server.code)).text);
  return program(process.execPath, '--import', 'tsx', path);
}

/** Commands that contributors use, in a checkout. */
function isForCheckout({ language, code }: Block): boolean {
  return language === 'sh' && /\bnpm |\bvitest |\bspec\//.test(code);
}

/** Waits until all of these ports take connections. */
async function bound(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const deadline = Date.now() + BIND_TIMEOUT_MS;
    while (!(await takesConnections(port))) {
      if (Date.now() > deadline) throw new Error(`nothing listens on port ${port}`);
      await sleep(50);
    }
  }
}

async function takesConnections(port: number): Promise<boolean> {
  const socket = createConnection({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
