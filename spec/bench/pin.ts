import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, platform } from 'node:os';

/** Whether processes can be pinned here: by `taskset`, to at least two cores. */
export const canPin = platform() === 'linux' && availableParallelism() > 1;

/**
 * Keeps a process and its children on one core. Where the kernel puts two processes that talk is a matter of luck
 * otherwise: on one core a small message takes a quarter of the time that it takes to wake another core.
 *
 * @param except - children that go where they find room
 */
export function pin(pid: number, core: number, except: readonly number[] = []): void {
  if (!canPin || except.includes(pid)) return;
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(core), String(pid)], {
    stdio: 'ignore',
  });
  for (const child of childrenOf(pid)) pin(child, core, except);
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}
