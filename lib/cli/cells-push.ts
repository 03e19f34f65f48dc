import { basename } from 'node:path';
import type { Readable } from 'node:stream';

import { catchError, EMPTY, map, takeLast } from 'rxjs';

import { StreamHeader } from '../cellnet/stream-headers.js';
import { CommError, CommErrorCode } from '../comm-error.js';
import { askAsCell, type AskOptions } from './cells-ask.js';
import { printStreamFailure } from './cells-failure.js';
import { openToSend } from './cells-file.js';
import type { Place } from './cells-options.js';
import { showProgress } from './cells-progress.js';
import { Printer } from './printer.js';

/** The options of `rxflare push`. */
export interface PushOptions extends AskOptions, Place {
  readonly header: Readonly<Record<string, string>>;
}

/** How long a target has to say that all has arrived: NVFlare up to 2.8 never says so. */
const CONFIRM_MS = 2_000;

/**
 * `rxflare push`: sends a file as a stream.
 *
 * @param words - the URL, which a kit may have, and the file
 * @throws CommError `BAD_CONFIG` for more words, and for a file that cannot be read
 */
export async function pushCommand(words: readonly string[], given: PushOptions): Promise<void> {
  const { channel, topic, json } = given;
  const printer = new Printer(json);
  const file = words.at(-1) ?? '';
  const [url, ...others] = words.slice(0, -1);
  if (others.length > 0) throw severalFiles(words.length);
  const { handle, size } = await openToSend(file);
  const source: Readable = handle.createReadStream({ autoClose: false });
  try {
    await askAsCell(url, given, printer, 'push', (cell, target) => {
      const headers = { ...given.header, [StreamHeader.FILE_NAME]: basename(file) };
      const options = { headers, size, confirmMs: CONFIRM_MS };
      return cell.sendStream(target, channel, topic, source, options).pipe(
        map(({ sentBytes: bytes, acknowledgedBytes }) => ({ bytes, size, acknowledgedBytes })),
        showProgress,
        takeLast(1),
        map(({ bytes, acknowledgedBytes }) => {
          const isConfirmed = acknowledgedBytes === bytes;
          return { event: 'pushed', to: target, file, bytes, isConfirmed } as const;
        }),
        catchError((error: unknown) => {
          printStreamFailure(printer, error, given);
          return EMPTY;
        }),
      );
    });
  } finally {
    source.destroy();
    await handle.close();
  }
}

/** A pattern of the shell may stand for several files. */
function severalFiles(count: number): CommError {
  const text = `expected [url] <file>, got ${count} words: push each file by a command of its own`;
  return new CommError(CommErrorCode.BAD_CONFIG, text);
}
