import {
  catchError,
  EMPTY,
  endWith,
  filter,
  ignoreElements,
  map,
  merge,
  switchMap,
  take,
  takeLast,
  tap,
} from 'rxjs';

import { printCellFailure } from './cells-failure.js';
import { checkTarget, saveStream } from './cells-file.js';
import type { Place } from './cells-options.js';
import { showProgress } from './cells-progress.js';
import { type PlaceOptions, standAsCell } from './cells-serve.js';
import { interrupted } from './end-requested.js';
import { Printer } from './printer.js';

/** The options of `rxflare pull`. */
export interface PullOptions extends PlaceOptions, Place {
  /** The cell whose stream is taken. Default: any. */
  readonly from?: string;
  /** The most that is saved, in bytes. */
  readonly maxSize: number;
}

const OPEN =
  'warning: any party that connects here may send the file: --from says which cell, and mtls proves who it is';

/**
 * `rxflare pull`: waits for a stream, and saves it to a file.
 *
 * @param words - the URLs, and the file
 */
export async function pullCommand(words: readonly string[], given: PullOptions): Promise<void> {
  const { channel, topic, from, maxSize, json } = given;
  const printer = new Printer(json, { timed: true });
  const urls = words.slice(0, -1);
  const file = words.at(-1) ?? '';
  await checkTarget(file);
  await standAsCell(urls, given, printer, 'pull', (cell, isOpen) => {
    if (isOpen && from === undefined) printer.print({ event: 'notice', message: OPEN });
    return merge(
      cell.streams(channel, topic).pipe(
        filter((stream) => {
          if (from === undefined || stream.origin === from) return true;
          stream.refuse('it is not from the cell that is waited for');
          printer.print({
            event: 'notice',
            message: `refused a stream of ${stream.origin}: waiting for one of ${from}`,
          });
          return false;
        }),
        take(1),
        switchMap((stream) =>
          saveStream(stream, file, maxSize).pipe(
            map((bytes) => ({ bytes, size: stream.size })),
            showProgress,
            takeLast(1),
            tap(({ bytes }) => printer.print({ event: 'pulled', from: stream.origin, file, bytes })),
          ),
        ),
        catchError((error: unknown) => {
          printCellFailure(printer, error);
          return EMPTY;
        }),
        ignoreElements(),
        endWith(undefined),
      ),
      interrupted(),
    );
  });
}
