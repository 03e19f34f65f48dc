/**
 * A text from a peer as one line that is safe to write to a terminal. Each unsafe character becomes `?`: control
 * characters, which a terminal obeys; line breaks, which could forge a line; characters that reorder or hide the text
 * around them.
 */
export function printable(text: string): string {
  return text.replaceAll(UNSAFE, '?');
}

/** JSON with the same characters as `\uXXXX`: one line that is safe to write to a terminal, and the same value. */
export function printableJson(json: string): string {
  return json.replaceAll(UNSAFE, (character) =>
    Array.from({ length: character.length }, (_, index) => {
      return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
    }).join(''),
  );
}

/** How many columns of a terminal a printable text takes. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += columnsOf(character);
  return width;
}

/** A printable text in at most `width` columns; `…` stands for the rest. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  if (width < 1) return '';
  let room = width - 1;
  let kept = '';
  for (const character of text) {
    room -= columnsOf(character);
    if (room < 0) break;
    kept += character;
  }
  return `${kept}…`;
}

/** A printable text with blanks, `width` columns wide. */
export function pad(text: string, width: number, align: 'left' | 'right'): string {
  const blanks = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'left' ? text + blanks : blanks + text;
}

/** Control, format and bidirectional characters, line and paragraph separators, lone surrogates, private use, unassigned. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu;
const ASCII = /^[\x20-\x7e]*$/;

/** Characters that a terminal draws on the one before. The emoji selector makes that one a column wider. */
const COMBINING = /^[\p{Mn}\p{Me}\u{1160}-\u{11ff}]$/u;
const EMOJI_SELECTOR = '\u{fe0f}';

/** Two columns: East Asian Width W and F of Unicode, and emoji. */
const WIDE =
  /^[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Yi}\p{Script=Tangut}\u{2e80}-\u{303e}\u{3041}-\u{33ff}\u{fe10}-\u{fe19}\u{fe30}-\u{fe6f}\u{ff01}-\u{ff60}\u{ffe0}-\u{ffe6}\u{16fe0}-\u{1b2ff}\u{20000}-\u{3fffd}]$/u;

/** An upper bound where terminals differ: a line must not be wider than the screen on any of them. */
function columnsOf(character: string): number {
  if (character === EMOJI_SELECTOR) return 1;
  if (COMBINING.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
