import { mkdir, mkdtemp, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { concatBytes } from '../../support/bytes.js';
import { conversation } from '../corpus.js';
import type { Dice } from '../dice.js';
import { Hub, HUB_RULES } from '../hub.js';
import { mutate } from '../mutate.js';
import { requireBadData, requireHarmless, requireNamed } from '../outcome.js';
import { Conversation } from '../reference/conversation.js';
import type { FuzzInput, FuzzTarget } from '../target.js';

const TUNING = 'poll_interval=0.001&max_poll_interval=0.005&max_log_size=64';

/** What is not adopted by then, will not be. */
const ADOPTION_MS = 40;

/** Names for a directory, and for a file in it. The first ones are good. */
const DIRECTORY_NAMES = [
  '0123456789ab',
  'x',
  '.hidden',
  'ü world',
  '-rf',
  'a#b',
  'a?b',
  '%2e',
  '\n',
  'lease',
] as const;
const FILE_NAMES = [
  'active.0.sealed',
  'active.1.log',
  'active.1.sealed',
  'active.0.sealed.tmp',
  'passive.0.sealed',
  'passive.lease',
  'active.lease',
  'closed',
  'active.-1.log',
  'active.00.log',
  'active.99999999999999999999.log',
  'other',
] as const;

/**
 * A listener on a shared directory. Variants: a `log` whose content may be wrong; and a `directory` with anything in
 * it: the parts are then its name, the log, and the names and bytes of more files.
 */
export const sharedFileTarget: FuzzTarget = {
  name: 'shared-file',
  kind: 'live',
  make(dice) {
    const stream = concatBytes(conversation(dice));
    const log = dice.chance(0.5) ? mutate(stream, dice) : stream;
    if (dice.chance(0.5)) return { parts: [log], variant: 'log' };
    return {
      parts: [Buffer.from(dice.pick(DIRECTORY_NAMES)), log, ...randomFiles(dice)],
      variant: 'directory',
    };
  },
  async open() {
    const root = await realpath(await mkdtemp(join(tmpdir(), 'rxflare-fuzz-')));
    const hub = await Hub.open(`shared-file://0${root}?${TUNING}`);
    const connections = join(root, 'conns');
    return {
      check: (input) => check(hub, connections, input),
      close: async () => {
        await hub.close();
        // The listener may just be removing its lease.
        await rm(root, { recursive: true, force: true, maxRetries: 5 });
      },
    };
  },
};

let planted = 0;

async function check(hub: Hub, connections: string, input: FuzzInput): Promise<void> {
  planted += 1;
  await (input.variant === 'log'
    ? checkLog(hub, connections, input)
    : checkDirectory(hub, connections, input));
  await hub.checkBystander();
}

async function checkLog(hub: Hub, connections: string, { parts }: FuzzInput): Promise<void> {
  const log = concatBytes(parts);
  const expected = new Conversation(HUB_RULES);
  const restBytes = expected.takeStream(log);
  const directory = await plant(connections, `log${planted}`, new Map([['active.0.log', log]]));
  const address = `${directory}#active`;
  // What is marked closed before anybody has seen it is nobody's.
  await hub.meets(address);
  if (!expected.isBroken) await writeFile(join(directory, 'closed'), '');
  const fate = await hub.fateOf(address);
  if (expected.isBroken) requireBadData(fate.error);
  else requireHarmless(fate, restBytes === 0);
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}

async function checkDirectory(hub: Hub, connections: string, { parts }: FuzzInput): Promise<void> {
  const [name = new Uint8Array(0), log = new Uint8Array(0), ...more] = parts;
  const files = new Map([['active.0.log', log]]);
  for (let index = 0; index < more.length; index += 2)
    files.set(Buffer.from(more[index] ?? []).toString(), more[index + 1] ?? new Uint8Array(0));
  const directory = await plant(connections, `${Buffer.from(name).toString()}${planted}`, files);
  await sleep(ADOPTION_MS);
  const address = `${directory}#active`;
  if (hub.hasMet(address)) {
    // It may be gone: what has ended may be removed by the other side.
    await writeFile(join(directory, 'closed'), '').catch(() => undefined);
    requireNamed(await hub.fateOf(address));
  }
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}

/** A name, and a directory or bytes: a size in decimal, frames, or anything. */
function randomFiles(dice: Dice): Uint8Array[] {
  const files = Array.from({ length: dice.below(3) }, () => {
    const content = dice.pick([
      () => Buffer.from(String(dice.below(300))),
      () => Buffer.from(dice.pick(['-1', '1e9', '99999999999999999999', '0x10', ' 7 ', ''])),
      () => concatBytes(conversation(dice)),
      () => dice.bytes(dice.below(40)),
    ]);
    return [Buffer.from(dice.pick(FILE_NAMES)), content()];
  });
  return files.flat();
}

/** A whole connection directory, under its name only when it is complete. */
async function plant(
  connections: string,
  name: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<string> {
  const draft = join(connections, `.draft${planted}`);
  await mkdir(draft);
  for (const [file, bytes] of new Map([['passive.0.log', new Uint8Array(0)], ...files]))
    await writeFile(join(draft, file), bytes);
  const directory = join(connections, name);
  await rename(draft, directory);
  return directory;
}
