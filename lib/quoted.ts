/** A text from outside stands in messages with no more than this. */
const MAX_QUOTED = 100;

/** A text from outside as a part of a message: in quotation marks, its control characters escaped, and cut if long. */
export function quoted(text: string): string {
  return JSON.stringify(cut(text)).replace(/[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, escape);
}

/** The same without quotation marks, for a sentence. */
export function oneLine(text: string): string {
  return cut(text).replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, escape);
}

function cut(text: string): string {
  return text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}...` : text;
}

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
