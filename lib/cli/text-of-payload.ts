const decoder = new TextDecoder('utf-8', { fatal: true });

/** What no text has, and bytes that happen to be UTF-8 often do. */
const BINARY = /(?![\t\n\v\f\r])[\p{Cc}]/u;

/** A payload as text; `null` where it is not text. */
export function textOfPayload(payload: Uint8Array | undefined): string | null {
  try {
    const text = payload === undefined ? '' : decoder.decode(payload);
    return BINARY.test(text) ? null : text;
  } catch {
    return null; // Not UTF-8.
  }
}

/** A size for people: `7 bytes`, `1.5 kB`. */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  const units = ['kB', 'MB', 'GB'];
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length);
  const value = bytes / 1000 ** power;
  return `${Number(value.toFixed(value < 10 ? 1 : 0))} ${units[power - 1] ?? ''}`;
}
