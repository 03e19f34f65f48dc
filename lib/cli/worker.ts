/** The variable of the environment that has the number of a worker. */
export const NUMBER_VARIABLE = 'RXFLARE_WORKER';

/** Which of the workers of a command this process is, from 1; `undefined` where it is none. */
export function workerNumber(): number | undefined {
  const number = Number(process.env[NUMBER_VARIABLE]);
  return number > 0 ? number : undefined;
}

/** Whether this process is a worker of `--workers`. */
export function isWorker(): boolean {
  return workerNumber() !== undefined;
}

/**
 * A worker ends when it has drained. Ctrl-C and service managers signal a whole group, and then its parent asks it once more:
 * without this the second signal would cut it off.
 */
export function outliveSignals(): void {
  if (isWorker()) for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
}

/** What a worker tells when it listens. */
export const UP = 'up';

/** Tells that this process listens, where it is a worker. */
export function tellUp(): void {
  if (isWorker()) process.send?.(UP);
}
