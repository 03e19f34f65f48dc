import { defer, type Observable, tap } from 'rxjs';

import { cut } from './printable.js';
import { sizeText } from './text-of-payload.js';

/** How far a transfer is. */
export interface TransferProgress {
  readonly bytes: number;
  /** Bytes in all, where that is known. */
  readonly size: number | undefined;
}

const BAR_WIDTH = 24;
const PERIOD_MS = 100;
const CLEAR_LINE = '\r\x1b[K';

/** Shows on standard error how far a transfer is, where that is a terminal, and takes it away at the end. */
export function showProgress<T extends TransferProgress>(progress$: Observable<T>): Observable<T> {
  return defer(() => {
    const { stderr } = process;
    if (!stderr.isTTY) return progress$;
    const beganAt = performance.now();
    let shownAt = Number.NEGATIVE_INFINITY;
    const show = (progress: T): void => {
      const now = performance.now();
      if (now - shownAt < PERIOD_MS) return;
      shownAt = now;
      const line = progressLine(progress, (now - beganAt) / 1_000);
      stderr.write(`${CLEAR_LINE}${cut(line, stderr.columns - 1)}`);
    };
    const clear = (): void => void stderr.write(CLEAR_LINE);
    return progress$.pipe(tap({ next: show, complete: clear, error: clear, unsubscribe: clear }));
  });
}

/** A line as `[######      ]  50 %  1.5 GB of 3 GB  120 MB/s`, with a bar where the size is known. */
export function progressLine({ bytes, size }: TransferProgress, seconds: number): string {
  const rate = seconds > 0 ? `  ${sizeText(Math.round(bytes / seconds))}/s` : '';
  if (size === undefined) return `${sizeText(bytes)}${rate}`;
  const part = size === 0 ? 1 : Math.min(1, bytes / size);
  const bar = '#'.repeat(Math.floor(part * BAR_WIDTH)).padEnd(BAR_WIDTH);
  const percent = String(Math.floor(part * 100)).padStart(3);
  return `[${bar}] ${percent} %  ${sizeText(bytes)} of ${sizeText(size)}${rate}`;
}
