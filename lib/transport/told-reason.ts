/** What a close frame of a WebSocket has room for (RFC 6455, 5.5.1), in bytes of UTF-8. */
const MAX_REASON_BYTES = 123;

const encoder = new TextEncoder();

/** A reason as one side tells it to the other: one line, without control characters, of 123 bytes at most. */
export function cleanReason(text: string): string {
  // What is cut anyway need not be cleaned.
  const line = text
    .slice(0, MAX_REASON_BYTES)
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  const { read } = encoder.encodeInto(line, new Uint8Array(MAX_REASON_BYTES));
  return line.slice(0, read);
}

/** What a peer is told that is refused since another one has its name, and lives. */
export const NAME_TAKEN = 'another connection has this name';

/** What a peer is told whose place another connection takes, over transports that tell why a connection ends. */
export const REPLACED = 'another connection presents itself under this name';
