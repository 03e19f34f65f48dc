/**
 * Whether the bytes from `start` up to `end` are well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates,
 * nothing beyond U+10FFFF, and no character that is cut off.
 */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end;) {
    const first = bytes[at] ?? 0;
    const size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (size > 1 && (first < 0xc2 || first > 0xf4 || at + size > end)) return false;
    for (let index = 1; index < size; index += 1) {
      const byte = bytes[at + index] ?? 0;
      // The bounds of the second byte depend on the first byte.
      const least = index > 1 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
      const most = index > 1 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
      if (byte < least || byte > most) return false;
    }
    at += size;
  }
  return true;
}
