import { badFobs } from './bad-fobs.js';
import { MAX_HASHED_LENGTH } from './colliding-keys.js';
import { idText } from './datum.js';
import { datumHeader, type FobsDialect, ID_BYTES, Marker, MAX_SECTIONS } from './sections.js';

/** A reference takes about as many bytes, so that smaller contents are written again. */
const MIN_BYTES = 256;
/** A part of a long text, which leaves room for a number before it. */
const PART_LENGTH = MAX_HASHED_LENGTH - 20;
/** The main section and those of references come beside. */
const MAX_DATUMS = MAX_SECTIONS - 300;
/** How much of what comes again is written again where nothing can refer to it. */
const MAX_REPEATED_BYTES = 64 * 1024 ** 2;

/**
 * The datums of a value that is encoded: its files, and the texts and bytes that it has more than once. What came as one
 * datum, to which a value may refer a million times, so goes on as one.
 */
export class DatumWriter {
  /** The header and the content of each. */
  readonly sections: Uint8Array[] = [];
  readonly #dialect: FobsDialect;
  readonly #maxLongAgain: number;
  /** The IDs of what has come, from its second time on. A long text has a number. */
  readonly #ids = new Map<string | number | Uint8Array, string | undefined>();
  /** The long texts that are the only ones of their length, so far; nothing for a length that has more. */
  readonly #firsts = new Map<number, string | undefined>();
  readonly #numbers = new Map<string, number>();
  readonly #files = new Map<Uint8Array, string>();
  #count = 0;
  #repeatedBytes = 0;
  #longAgain = 0;

  /** @param maxLongAgain - how many characters long texts may have that come again. Default: 2^29 */
  constructor(dialect: FobsDialect, maxLongAgain = 2 ** 29) {
    this.#dialect = dialect;
    this.#maxLongAgain = maxLongAgain;
  }

  /**
   * The ID of the datum of a file; the same bytes are one.
   *
   * @throws CommError `BAD_DATA` where the value has as many datums as a reader takes
   */
  file(bytes: Uint8Array): string {
    const known = this.#files.get(bytes);
    if (known !== undefined) return known;
    if (this.#count === MAX_DATUMS)
      throw badFobs(`it has more than ${MAX_DATUMS} files, and texts and bytes that it has again`);
    const id = this.#add(Marker.FILE, bytes);
    this.#files.set(bytes, id);
    return id;
  }

  /**
   * The ID of the datum of a text or bytes; `undefined` where they are to be written in their place.
   *
   * @param canRefer - a reference may stand in their place
   * @throws CommError `BAD_DATA` where none may, and the copies are too much, or where long texts come too often
   */
  idOf(content: string | Uint8Array, canRefer: boolean): string | undefined {
    if (content.length < MIN_BYTES) return undefined;
    const isLong = typeof content === 'string' && content.length > MAX_HASHED_LENGTH;
    if (isLong && this.#isFirst(content)) return undefined;
    const key = isLong ? this.#numberOf(content) : content;
    if (!this.#ids.has(key)) {
      this.#ids.set(key, undefined);
      return undefined;
    }
    if (isLong) this.#countAgain(content);
    const known = this.#ids.get(key);
    if (canRefer && known !== undefined) return known;
    if (canRefer && this.#count < MAX_DATUMS) {
      const isText = typeof content === 'string';
      const id = isText
        ? this.#add(Marker.TEXT, new TextEncoder().encode(content))
        : this.#add(Marker.BLOB, content);
      this.#ids.set(key, id);
      return id;
    }
    this.#repeatedBytes += content.length;
    if (this.#repeatedBytes > MAX_REPEATED_BYTES)
      throw badFobs(`it repeats the same texts or bytes for more than ${MAX_REPEATED_BYTES} bytes`);
    return undefined;
  }

  /** Whether no text has come that is as long. The one that has gets its number when another comes. */
  #isFirst(text: string): boolean {
    const first = this.#firsts.get(text.length);
    if (first !== undefined) this.#ids.set(this.#numberOf(first), undefined);
    const isFirst = !this.#firsts.has(text.length);
    this.#firsts.set(text.length, isFirst ? text : undefined);
    return isFirst;
  }

  /**
   * A number for a text that is too long to be a key, since many of the same length would collide: that of its first part,
   * with the next part, has one, and so on. No key of them looks like a number, which could collide as well.
   */
  #numberOf(text: string): number {
    let number = 0;
    for (let at = 0; at < text.length; at += PART_LENGTH) {
      const key = `${number} ${text.slice(at, at + PART_LENGTH)}`;
      number = this.#numbers.get(key) ?? this.#numbers.size + 1;
      this.#numbers.set(key, number);
    }
    return number;
  }

  /** Each time that a long text comes it is read to its end. */
  #countAgain({ length }: string): void {
    this.#longAgain += length;
    if (this.#longAgain > this.#maxLongAgain)
      throw badFobs(`it has long texts again for more than ${this.#maxLongAgain} characters`);
  }

  #add(marker: number, content: Uint8Array): string {
    const id = crypto.getRandomValues(new Uint8Array(ID_BYTES));
    this.#count += 1;
    this.sections.push(datumHeader(marker, 0, content.length, id, this.#dialect), content);
    return idText(id);
  }
}
