import { badFobs } from './bad-fobs.js';
import { idText } from './datum.js';
import { datumHeader, type FobsDialect, ID_BYTES, Marker, MAX_SECTIONS } from './sections.js';

/** A reference takes about as many bytes, so that smaller contents are written again. */
const MIN_BYTES = 256;
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
  /** The IDs of what has come, from its second time on. */
  readonly #ids = new Map<string | Uint8Array, string | undefined>();
  readonly #files = new Map<Uint8Array, string>();
  #count = 0;
  #repeatedBytes = 0;

  constructor(dialect: FobsDialect) {
    this.#dialect = dialect;
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
   * @throws CommError `BAD_DATA` where none may, and the copies are too much
   */
  idOf(content: string | Uint8Array, canRefer: boolean): string | undefined {
    if (content.length < MIN_BYTES) return undefined;
    if (!this.#ids.has(content)) {
      this.#ids.set(content, undefined);
      return undefined;
    }
    const known = this.#ids.get(content);
    if (canRefer && known !== undefined) return known;
    if (canRefer && this.#count < MAX_DATUMS) {
      const isText = typeof content === 'string';
      const id = isText
        ? this.#add(Marker.TEXT, new TextEncoder().encode(content))
        : this.#add(Marker.BLOB, content);
      this.#ids.set(content, id);
      return id;
    }
    this.#repeatedBytes += content.length;
    if (this.#repeatedBytes > MAX_REPEATED_BYTES)
      throw badFobs(`it repeats the same texts or bytes for more than ${MAX_REPEATED_BYTES} bytes`);
    return undefined;
  }

  #add(marker: number, content: Uint8Array): string {
    const id = crypto.getRandomValues(new Uint8Array(ID_BYTES));
    this.#count += 1;
    this.sections.push(datumHeader(marker, 0, content.length, id, this.#dialect), content);
    return idText(id);
  }
}
