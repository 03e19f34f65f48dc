import { isMatching, P } from 'ts-pattern';
import { map, type Observable } from 'rxjs';

import { CommError } from '../comm-error.js';
import { type FobsValue, pyDict, PyObject } from '../fobs/value.js';
import { logger } from '../log.js';
import { badReply } from './command-reply.js';
import type { TransferSession } from './job-transfer.js';
import { peerContext, SERVER, SHAREABLE } from './register-cell.js';

/** Source: `TOPIC_STREAM_REQUEST` and `HeaderKey` of `nvflare/private/stream_runner.py`. */
const CHANNEL = 'aux_communication';
const REQUEST = 'ObjectStreamer.Request';
const ABORT = 'ObjectStreamer.Abort';

/** Where a server takes jobs. Source: `nvflare/fuel/hci/client/file_transfer.py`, `_FileSender` of `api.py`. */
const UPLOAD_CHANNEL = 'hci.upload';
const UPLOAD_TOPIC = 'folder';

/** How long a server may take for a chunk, and for all of a job at its end. */
const CHUNK_TIMEOUT_MS = 30_000;
const END_TIMEOUT_MS = 60_000;

const log = logger('flare');

/** A file on its way to the server. */
export interface Upload {
  readonly id: string;
  readonly totalBytes: number;
  /** The text of the command that takes the file. It holds the token of the session. */
  readonly request: string;
}

/** A part of the file. */
export interface Chunk {
  /** From 0. */
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly isLast: boolean;
}

/** What the server says to a chunk. */
export interface ChunkAnswer {
  /** `OK`, or why it is not taken. */
  readonly returnCode: string;
  /** To the last one: the reply of the command. */
  readonly result: unknown;
}

/**
 * Sends a chunk of a file. The next one must wait for the answer, and none may be sent twice: a server appends what it gets.
 *
 * Emits once; errors with CellError as `Cell.request` does, and FlareError `bad_reply`.
 */
export function sendChunk(session: TransferSession, upload: Upload, chunk: Chunk): Observable<ChunkAnswer> {
  const timeoutMs = chunk.isLast ? END_TIMEOUT_MS : CHUNK_TIMEOUT_MS;
  const message = chunkMessage(session, upload, chunk);
  return session.cell.request(SERVER, CHANNEL, REQUEST, message, { timeoutMs, stream: false }).pipe(
    map(({ payload }) => {
      const answer = payload instanceof PyObject ? payload.data : payload;
      if (!isAnswer(answer)) throw badReply('submit_job', 'the server answered a chunk with something else');
      const { __rc__: returnCode = 'OK', 'ObjectStreamer.END_RESULT': result } = answer.__headers__;
      return { returnCode, result };
    }),
  );
}

/** Tells the server that the rest of a file does not come. It forgets the file, and answers nothing. */
export function sendAbort({ cell, identity }: TransferSession, { id }: Upload): void {
  const context = peerContext(identity.name);
  const headers = { 'ObjectStreamer.TX_ID': id, __topic__: ABORT, __rc__: 'TASK_ABORTED', ...context };
  try {
    cell.fire(SERVER, CHANNEL, ABORT, pyDict(SHAREABLE, { __headers__: headers }), { optional: true });
  } catch (error) {
    log('cannot abort an upload: %s', CommError.from(error).message);
  }
}

const isAnswer = isMatching({
  __headers__: { __rc__: P.optional(P.string), 'ObjectStreamer.END_RESULT': P.optional(P.any) },
});

/** 2.7 names the fields otherwise. Source: `CHUNK_PREFIX` of `nvflare/app_common/streamers/streamer_base.py`. */
function chunkMessage(
  { identity, serverVersion }: TransferSession,
  { id, totalBytes, request }: Upload,
  { sequence, bytes, isLast }: Chunk,
): FobsValue {
  const prefix = serverVersion.startsWith('2.7') ? 'FileStreamer' : 'Streamer';
  const context = {
    conn_data: request,
    'FileStreamer.file_size': totalBytes,
    [`${prefix}.file_name`]: `${id}.zip`,
    __topic__: UPLOAD_TOPIC,
    __channel__: UPLOAD_CHANNEL,
  };
  return pyDict(SHAREABLE, {
    [`${prefix}.data`]: bytes,
    [`${prefix}.size`]: bytes.length,
    [`${prefix}.eof`]: isLast,
    __headers__: {
      'ObjectStreamer.CHANNEL': UPLOAD_CHANNEL,
      'ObjectStreamer.TOPIC': UPLOAD_TOPIC,
      'ObjectStreamer.TX_ID': id,
      'ObjectStreamer.SEQ': sequence,
      ...(sequence === 0 ? { 'ObjectStreamer.CTX': context } : {}),
      __topic__: REQUEST,
      __peer_props__: { __run_num__: '', __identity_name__: identity.name },
      ...peerContext(identity.name),
    },
  });
}
