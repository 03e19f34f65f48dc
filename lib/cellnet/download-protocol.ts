import { isMatching, P } from 'ts-pattern';

/** Where arrays are pulled. Source: `nvflare/fuel/f3/streaming/download_service.py`. */
export const DOWNLOAD_CHANNEL = 'download_service__';
export const DOWNLOAD_TOPIC = 'download_service__download';
/** Where the parent of a cell that died tells those that pull from it, from NVFlare 2.9 on. */
export const SOURCE_FAILURE_TOPIC = 'download_service__source_failure';

/** How a step of a pull ended: there is more, that was all, or it failed. */
export const Status = { OK: 'ok', EOF: 'eof', ERROR: 'error' } as const;

/** What the one who pulled says at the end, where it is asked to: from NVFlare 2.9 on. */
export const Confirm = { SUCCESS: 'success', FAILED: 'failed' } as const;

/** What an array takes beside its elements, about, in bytes. */
export const ITEM_BYTES = 1_000;

const count = P.number.int().gte(0);
const text = P.optional(P.union(P.nullish, P.string));
const flag = P.optional(P.union(P.nullish, P.boolean));

/** What ends a pull, or says that it will be ended so. */
const ENDS = { confirm: text, confirm_nonce: text, confirm_capable: flag, cancel: flag };

/**
 * A step that is asked for, or what ends a pull. The state is what has been received: none at first, then that of the
 * last answer.
 */
export const isPullRequest = isMatching({
  ref_id: P.string,
  state: P.optional(P.union(P.nullish, { start: count, count })),
  ...ENDS,
});

/** The state of a file: how much has been received. Source: `file_downloader.py` beside it. */
const FILE_STATE = { received_bytes: count };

export const isFileState = isMatching(FILE_STATE);

/** The same for a file. */
export const isFileStep = isMatching({
  ref_id: P.string,
  state: P.optional(P.union(P.nullish, FILE_STATE)),
  ...ENDS,
});

/**
 * An answer of one who keeps something, and the state for the next step: of arrays items, each a file with one array, and of a
 * file its next bytes.
 */
export const isPullAnswer = isMatching({
  status: P.string,
  data: P.optional(P.union(P.nullish, P.instanceOf(Uint8Array), P.array(P.instanceOf(Uint8Array)))),
  cancel_capable: flag,
  confirm_expected: flag,
  confirm_nonce: text,
});
