import { MAX_FRAME_BYTES } from '../../wire/prefix.js';

/** After our close frame, a peer has this long for its own. */
const CLOSE_TIMEOUT_MS = 1_000;

/** What clients and servers of `ws` are told here. */
export const WS_OPTIONS = {
  // NVFlare does not compress, and model weights do not become smaller.
  perMessageDeflate: false,
  // Connections have their own limit, which grows with the handshake.
  maxPayload: MAX_FRAME_BYTES,
  // The largest message in the pieces of a browser, which are of 64 KiB or more, and in chunks of 1 KiB.
  maxFragments: MAX_FRAME_BYTES / (32 * 1024),
  maxBufferedChunks: MAX_FRAME_BYTES / 1024,
  // Pongs are sent between messages, by the connection.
  autoPong: false,
  // Text is refused anyway.
  skipUTF8Validation: true,
  closeTimeout: CLOSE_TIMEOUT_MS,
} as const;
