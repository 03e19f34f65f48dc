import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { onPath } from './on-path.js';

/** The names of Chromium on the systems that have it. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** For a browser without a screen, a sandbox or a wish to talk to anyone but the test. */
export const CHROMIUM_ARGS: readonly string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * The path of Chromium, which is installed first where it is missing and that is possible. `undefined`, with a
 * printed reason, where there is none.
 *
 * @throws Error instead of that under CI
 */
export async function chromiumPath(): Promise<string | undefined> {
  const found = await onPath(NAMES);
  if (found !== undefined) return found;
  const obstacle = (await install()) ?? 'the installed package has no chromium on the PATH';
  const installed = await onPath(NAMES);
  if (installed !== undefined) return installed;
  if (process.env.CI === 'true') throw new Error(`browser tests cannot run: ${obstacle}`);
  process.stderr.write(`browser tests are skipped: ${obstacle}\n`);
  return undefined;
}

/** Installs Debian's package; tells why it could not. */
async function install(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'there is no Chromium on the PATH, and only root can install it';
  const apt = await onPath(['apt-get']);
  if (apt === undefined) return 'there is no Chromium on the PATH, and no apt-get to install it';
  for (const args of [['update'], ['install', '-y', 'chromium']]) {
    process.stderr.write(`chromium: apt-get ${args.join(' ')} …\n`);
    const child = spawn(apt, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const [exitCode] = (await once(child, 'close')) as [number | null];
    if (exitCode !== 0) return `apt-get ${args.join(' ')} ended with ${String(exitCode)}`;
  }
  process.stderr.write('chromium: ready\n');
  return undefined;
}
