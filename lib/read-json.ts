import { CommError, CommErrorCode } from './comm-error.js';
import { type Message, textOf } from './message.js';

/**
 * JSON nested deeper than this is refused. What walks over a value later (`JSON.stringify`, say) calls itself for
 * each level, and the call stack has an end.
 */
const MAX_JSON_DEPTH = 32;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * The JSON in the payload of a message from a stranger. Size and depth are checked on the bytes, before any of them
 * is decoded. No error quotes the payload.
 *
 * @param maxBytes - the largest payload to parse
 * @throws CommError `BAD_DATA` where it is larger, nested deeper than 32 levels, or no JSON
 */
export function readJson(message: Message, maxBytes: number): unknown {
  const { payload = new Uint8Array(0) } = message;
  if (payload.length > maxBytes)
    throw badJson(`expected at most ${maxBytes} bytes of JSON, got ${payload.length}`);
  requireShallow(payload);
  try {
    return JSON.parse(textOf(message));
  } catch {
    // What was thrown quotes the payload, which may be secret and is not ours to log.
    throw badJson(`the payload of ${payload.length} bytes is not JSON`);
  }
}

/**
 * Refuses JSON that {@link readJson} would refuse for its depth.
 *
 * @throws CommError `BAD_DATA` where it is nested deeper than 32 levels
 */
export function requireShallow(json: Uint8Array): void {
  if (isDeeper(json, MAX_JSON_DEPTH)) throw badJson(`JSON is nested deeper than ${MAX_JSON_DEPTH} levels`);
}

/** Whether brackets outside of strings are open at more than `maxDepth` levels. Bytes above 0x7f are inside strings. */
function isDeeper(json: Uint8Array, maxDepth: number): boolean {
  let depth = 0;
  let isInString = false;
  for (let index = 0; index < json.length; index += 1) {
    const byte = json[index];
    if (byte === QUOTE) isInString = !isInString;
    else if (isInString) index += byte === BACKSLASH ? 1 : 0;
    else if (byte === 0x5b || byte === 0x7b) depth += 1;
    else if (byte === 0x5d || byte === 0x7d) depth -= 1;
    if (depth > maxDepth) return true;
  }
  return false;
}

function badJson(fault: string): CommError {
  return new CommError(CommErrorCode.BAD_DATA, fault);
}
