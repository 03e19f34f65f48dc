import { MAX_FRAME_BYTES } from '../../wire/prefix.js';

/** How long the peer may take for its close frame after ours. */
const CLOSE_TIMEOUT_MS = 1_000;

/** The options of `ws` for clients and servers. */
export const WS_OPTIONS = {
  // NVFlare does not compress, and model weights would not become smaller.
  perMessageDeflate: false,
  // Connections have their own limit, which grows after the handshake.
  maxPayload: MAX_FRAME_BYTES,
  // Enough for the largest message in fragments of a browser, of 64 KiB or more, and in chunks of 1 KiB.
  maxFragments: MAX_FRAME_BYTES / (32 * 1024),
  maxBufferedChunks: MAX_FRAME_BYTES / 1024,
  // The connection sends pongs between messages.
  autoPong: false,
  // Text messages are refused anyway.
  skipUTF8Validation: true,
  closeTimeout: CLOSE_TIMEOUT_MS,
} as const;
