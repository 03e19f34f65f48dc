import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, expect } from 'vitest';

/** What a communicator could leave behind. The rest belongs to the test runner. */
const WATCHED = [
  'TCPSocketWrap',
  'TCPServerWrap',
  'TLSWrap',
  'Timeout',
  'ProcessWrap',
  'FSEventWrap',
  'PipeWrap',
];

/** A socket that was closed in the last test needs a moment until the system has let go of it. */
const PATIENCE_MS = 20_000;

let before: Readonly<Record<string, number>> = {};

beforeAll(() => {
  before = openResources();
});

/** After every test file no socket, timer or process is left open. */
afterAll(async () => {
  const deadline = Date.now() + PATIENCE_MS;
  while (Object.keys(leaked()).length > 0 && Date.now() < deadline) await sleep(20);
  expect(leaked(), 'sockets, timers and processes left open by this file').toEqual({});
});

function leaked(): Record<string, number> {
  const now = openResources();
  return Object.fromEntries(
    WATCHED.map((kind): [string, number] => [kind, (now[kind] ?? 0) - (before[kind] ?? 0)]).filter(
      ([, more]) => more > 0,
    ),
  );
}

function openResources(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
