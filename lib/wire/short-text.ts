/*
 * The same few keys and values come with message after message. A short ASCII string is kept together with its
 * MessagePack form (`fixstr`: a byte with the length, then the text), so that it is not made again when it is read,
 * and not gone through character by character when it is written (measured by `spec/bench/headers.ts`). There is one
 * place for each sum of length, first and last character; the latest string has it.
 */

/** The longest text of a `fixstr`, in bytes. */
export const MAX_SHORT_BYTES = 31;

/** So many bytes may be written behind a text: its form is copied four bytes at a time. */
export const SPARE_BYTES = 3;

const PLACES = 256;
const FORM_BYTES = 1 + MAX_SHORT_BYTES;

const texts = new Array<string | undefined>(PLACES).fill(undefined);
const forms = new Uint8Array(PLACES * FORM_BYTES);
const formsView = new DataView(forms.buffer);

/** A longer string may be a view on another one, however large that is. Keeping it would keep both. */
const MAX_OWN_LENGTH = 12;

/** Whether the byte begins the form of a short text. */
export function isShortText(type: number): boolean {
  return type >= 0xa0 && type < 0xc0;
}

/** How many bytes the form takes that begins at `start`. */
export function sizeOfShortText(bytes: Uint8Array, start: number): number {
  return 1 + ((bytes[start] ?? 0) & 0x1f);
}

/**
 * Writes the form of a text of at most {@link MAX_SHORT_BYTES} characters.
 *
 * @param isKey - of an object: such a string is never a view on another one
 * @returns whether it was ASCII; if not, what is written does not count
 */
export function writeShortText(text: string, target: DataView, start: number, isKey: boolean): boolean {
  const { length } = text;
  const place = placeOf(length, text.charCodeAt(0), text.charCodeAt(length - 1));
  if (texts[place] === text) {
    copyWords(formsView, place * FORM_BYTES, target, start, length);
    return true;
  }
  target.setUint8(start, 0xa0 | length);
  if (!writeAscii(text, target, start + 1)) return false;
  if (isKey || length <= MAX_OWN_LENGTH) {
    texts[place] = text;
    copyWords(target, start, formsView, place * FORM_BYTES, length);
  }
  return true;
}

/** Reads the form that begins at `start`; `undefined` where it is not ASCII, or longer than the bytes. */
export function readShortText(bytes: Uint8Array, start: number): string | undefined {
  const last = start + ((bytes[start] ?? 0) & 0x1f);
  if (last >= bytes.length) return undefined;
  const place = placeOf(last - start, bytes[start + 1] ?? 0, bytes[last] ?? 0);
  let known = place * FORM_BYTES;
  for (let index = start; index <= last; index += 1, known += 1)
    if (bytes[index] !== forms[known]) return learn(place, bytes, start, last);
  return texts[place];
}

/** Writes the characters, up to one that is not ASCII; says whether there was none. */
export function writeAscii(text: string, target: DataView, start: number): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return false;
    target.setUint8(start + index, code);
  }
  return true;
}

/** Reads the characters up to `end`; `undefined` where one of them is not ASCII. */
export function readAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = '';
  let above = 0;
  let index = start;
  for (; index + 4 <= end; index += 4) {
    const a = bytes[index] ?? 0;
    const b = bytes[index + 1] ?? 0;
    const c = bytes[index + 2] ?? 0;
    const d = bytes[index + 3] ?? 0;
    above |= a | b | c | d;
    text += String.fromCharCode(a, b, c, d);
  }
  for (; index < end; index += 1) {
    const a = bytes[index] ?? 0;
    above |= a;
    text += String.fromCharCode(a);
  }
  return above > 0x7f ? undefined : text;
}

function placeOf(length: number, first: number, last: number): number {
  return (length * 37 + first * 5 + last) & (PLACES - 1);
}

function learn(place: number, bytes: Uint8Array, start: number, last: number): string | undefined {
  const text = readAscii(bytes, start + 1, last + 1);
  if (text === undefined) return undefined;
  let known = place * FORM_BYTES;
  for (let index = start; index <= last; index += 1) forms[known++] = bytes[index] ?? 0;
  texts[place] = text;
  return text;
}

/** Copies bytes `from` to `from + last`, and up to {@link SPARE_BYTES} behind them. */
function copyWords(source: DataView, from: number, target: DataView, to: number, last: number): void {
  for (let index = 0; index <= last; index += 4)
    target.setInt32(to + index, source.getInt32(from + index, true), true);
}
