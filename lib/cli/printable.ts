/**
 * A text from elsewhere that is safe to write to a terminal: control characters, which a terminal obeys, and those
 * that turn or hide what is around them become `?`.
 */
export function printable(text: string): string {
  return text.replaceAll(UNSAFE, '?');
}

/** The same for a text of several lines, whose line breaks and tabs stay. */
export function printableLines(text: string): string {
  return text.replaceAll(/[^\n\t]+/g, printable);
}

/** How many columns of a terminal a printable text takes. */
export function widthOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += columnsOf(character);
  return width;
}

/** A printable text in at most `width` columns; what is left out is marked. */
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

/** Control and format characters, separators of lines, halves of pairs, and what has no meaning everywhere. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu;
const ASCII = /^[\x20-\x7e]*$/;

/** Joined to the character before. Those that make an emoji of it, too: then they have its second column. */
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
