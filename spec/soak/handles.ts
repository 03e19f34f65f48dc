import { setTimeout as sleep } from 'node:timers/promises';

/** The system needs a moment to let go of a socket. */
const PATIENCE_MS = 3_000;

/** What is open now. */
export function handlesNow(): readonly string[] {
  // Node opens these when somebody first looks at them, as modules do that are loaded late.
  for (const output of [process.stdout, process.stderr]) output.uncork();
  return process.getActiveResourcesInfo();
}

/** What is open now and was not then: sockets, timers, processes, by Node's names for them. */
export async function handlesSince(before: readonly string[]): Promise<readonly string[]> {
  const deadline = Date.now() + PATIENCE_MS;
  while (added(before).length > 0 && Date.now() < deadline) await sleep(20);
  return added(before);
}

function added(before: readonly string[]): readonly string[] {
  const known = [...before];
  return process.getActiveResourcesInfo().filter((handle) => {
    const index = known.indexOf(handle);
    if (index >= 0) known.splice(index, 1);
    return index < 0;
  });
}
