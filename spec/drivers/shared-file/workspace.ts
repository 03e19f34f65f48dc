import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { firstValueFrom, type Observable, take, toArray } from 'rxjs';
import { onTestFinished, vi } from 'vitest';

import { SharedFileDriver } from '../../../lib/drivers/shared-file/shared-file-driver.js';
import type { Listener } from '../../../lib/drivers/index.js';
import { type Connection } from '../../../lib/index.js';
import { parseUrl } from '../../../lib/transport/url.js';
import { FrameType } from '../../../lib/wire/prefix.js';
import { frameOf as frameOfHead } from '../../support/bytes.js';
import { pattern } from '../../support/pattern.js';

/** Polls often enough for a test; leases as usual, so that nobody is given up in a slow test. */
export const FAST = 'poll_interval=0.002&max_poll_interval=0.02';

/** Leases that a test can see kept; only those that wait for the end of one have a short timeout. */
export function withLeases(intervalSeconds: number, timeoutSeconds: number): string {
  return `${FAST}&lease_interval=${intervalSeconds}&lease_timeout=${timeoutSeconds}`;
}

/** An empty directory until the end of the test. */
export async function makeRoot(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'rxflare-files-'));
  // A listener that was just released may still be removing its lease.
  onTestFinished(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));
  return root;
}

/** `shared-file://0/dir?...`. */
export function urlOf(directory: string, query = FAST): string {
  return `shared-file://0${directory}?${query}`;
}

/** The first value of a stream that goes on until the end of the test. */
export function acquire<T>(source$: Observable<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const subscription = source$.subscribe({ next: resolve, error: reject });
    onTestFinished(() => subscription.unsubscribe());
  });
}

/** A listener until the end of the test. */
export function listenOn(
  directory: string,
  query = FAST,
  driver = new SharedFileDriver(),
): Promise<Listener> {
  return acquire(driver.listen(parseUrl(urlOf(directory, query))));
}

/** A connection until the end of the test. */
export async function connectTo(url: string, driver = new SharedFileDriver()): Promise<Connection> {
  return keep(await acquire(driver.connect(parseUrl(url))));
}

/** The next connection of a listener, until the end of the test. */
export async function nextOf({ connections$ }: Listener): Promise<Connection> {
  return keep(await firstValueFrom(connections$));
}

/** Both ends of a connection on a directory. */
export async function connectedPair(
  directory: string,
  query = FAST,
): Promise<{ active: Connection; passive: Connection; path: string }> {
  const listener = await listenOn(directory, query);
  const accepted = nextOf(listener);
  const active = await connectTo(listener.url);
  const passive = await accepted;
  return { active, passive, path: passive.properties.local_addr.split('#', 1)[0] ?? '' };
}

/** The directory of a connection as NVFlare's active side makes it, with these files. */
export async function plantConnection(
  listenerDirectory: string,
  name: string,
  files: Readonly<Record<string, Uint8Array>> = {},
): Promise<string> {
  const draft = join(listenerDirectory, 'conns', `.${name}`);
  await mkdir(draft, { recursive: true });
  const all = { 'active.0.log': new Uint8Array(0), 'passive.0.log': new Uint8Array(0), ...files };
  for (const [file, bytes] of Object.entries(all)) await writeFile(join(draft, file), bytes);
  const directory = join(listenerDirectory, 'conns', name);
  await rename(draft, directory);
  return directory;
}

/** A frame with a number in it, which {@link numberOf} finds. */
export function numbered(number: number, size = 20): Uint8Array {
  return frameOfHead({ type: FrameType.DATA, appId: 1, streamId: number }, pattern(size, number));
}

export function numberOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint16(12);
}

/** The numbers of the next frames. */
export async function numbersOf({ frames$ }: Connection, count: number): Promise<number[]> {
  return (await firstValueFrom(frames$.pipe(take(count), toArray()))).map(numberOf);
}

/** All frames up to the end, which must be clean. */
export async function untilEnd({ frames$ }: Connection): Promise<number[]> {
  return (await firstValueFrom(frames$.pipe(toArray()))).map(numberOf);
}

/** Waits for files to be as expected. */
export function eventually(check: () => Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: 50_000, interval: 5 });
}

export async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o7777).toString(8);
}

export async function namesIn(path: string): Promise<string[]> {
  return (await readdir(path)).sort();
}

/** Gives a file or directory this age. */
export async function age(path: string, seconds: number): Promise<void> {
  const then = Date.now() / 1000 - seconds;
  await utimes(path, then, then);
}

function keep(connection: Connection): Connection {
  onTestFinished(() => connection.close());
  return connection;
}
