import {
  concatMap,
  defer,
  finalize,
  from,
  map,
  type Observable,
  type ObservableInput,
  of,
  takeWhile,
} from 'rxjs';

import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { isBytes } from '../is-bytes.js';
import { logger } from '../log.js';

const log = logger('cellnet');

/**
 * What a stream is made of: bytes, a Blob or a File, or pieces of any size: an iterable, an async iterable, a stream of
 * Node or of the web, an Observable, a promise.
 *
 * All but an Observable are asked for the next piece when there is room for it. An Observable cannot be paused.
 */
export type StreamSource = Uint8Array | Blob | ObservableInput<Uint8Array>;

/** The pieces of a source, which may wait for a demand before each. */
export type Feed = (demand$: Observable<unknown>) => Observable<Uint8Array>;

/** How much of a Blob is read at a time. */
const BLOB_BYTES = 1024 ** 2;

/** How many bytes a source has, where that is known. */
export function sizeOfSource(source: StreamSource): number | undefined {
  if (isBytes(source)) return source.length;
  return source instanceof Blob ? source.size : undefined;
}

/**
 * How the pieces of a source come.
 *
 * @throws CommError `BAD_DATA` where it is no source
 */
export function feedOf(source: StreamSource): Feed {
  requireSource(source);
  if (isBytes(source)) return () => of(source);
  if (source instanceof Blob) return pulled(() => blobPieces(source));
  if (Symbol.asyncIterator in source) return pulled(() => source[Symbol.asyncIterator]());
  if (Symbol.iterator in source) return pulled(() => source[Symbol.iterator]());
  if ('getReader' in source) return pulled(() => webPieces(source));
  return () => from(source);
}

/** The user may not use TypeScript. */
function requireSource(source: unknown): void {
  const isObject = (typeof source === 'object' && source !== null) || typeof source === 'function';
  const isRaw = source instanceof ArrayBuffer || (ArrayBuffer.isView(source) && !isBytes(source));
  if (isObject && !isRaw) return;
  const shown = isObject ? source.constructor.name : typeof source;
  const text = `a stream is sent from bytes (a Uint8Array), a Blob, or what iterates or emits bytes, got ${shown}`;
  throw new CommError(CommErrorCode.BAD_DATA, text);
}

interface Pieces {
  next(): Promise<IteratorResult<Uint8Array, unknown>> | IteratorResult<Uint8Array, unknown>;
  return?(): unknown;
}

/** One piece for each demand. */
function pulled(open: () => Pieces): Feed {
  return (demand$) =>
    defer(() => {
      const pieces = open();
      let isDone = false;
      return demand$.pipe(
        concatMap(() => {
          const next = pieces.next();
          return 'then' in next ? next : of(next);
        }),
        takeWhile(({ done }) => !(isDone = done === true)),
        map(({ value }) => value as Uint8Array),
        finalize(() => {
          if (!isDone) void giveUp(pieces);
        }),
      );
    });
}

async function giveUp(pieces: Pieces): Promise<void> {
  try {
    await pieces.return?.();
  } catch (thrown) {
    log('a source that was given up failed: %s', messageOf(thrown));
  }
}

function blobPieces(blob: Blob): Pieces {
  let offset = 0;
  return {
    async next() {
      if (offset >= blob.size) return { done: true, value: undefined };
      const end = Math.min(offset + BLOB_BYTES, blob.size);
      const buffer = await blob.slice(offset, end).arrayBuffer();
      offset = end;
      return { value: new Uint8Array(buffer) };
    },
  };
}

/** Browsers without async iteration of ReadableStream have its reader. */
function webPieces(stream: { getReader(): WebReader }): Pieces {
  const reader = stream.getReader();
  return {
    async next() {
      const { done, value } = await reader.read();
      return done === true || value === undefined ? { done: true, value: undefined } : { value };
    },
    return: () => reader.cancel?.(),
  };
}

interface WebReader {
  read(): PromiseLike<{ done?: boolean | undefined; value?: Uint8Array | undefined }>;
  releaseLock(): void;
  /** RxJS's type has none, all browsers do. */
  cancel?(): PromiseLike<void>;
}
