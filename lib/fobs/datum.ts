import { isMatching, P } from 'ts-pattern';

import { oneLine } from '../quoted.js';
import { badFobs } from './bad-fobs.js';
import { ID_BYTES, Marker, type Section } from './sections.js';
import { textOf } from './text.js';

/** Where a sender keeps what can be pulled: all arrays, or all tensors, of one message. */
export interface Reference {
  /** The cell that keeps it. */
  readonly fqcn: string;
  readonly refId: string;
  /** What it is, by the datum object type of NVFlare: 3 for numpy arrays, 6 for tensors. */
  readonly dot: number;
}

/** What can be pulled. Source: `nvflare/fuel/utils/fobs/dots.py`. */
export const Dot = { NUMPY: 3, TENSOR: 6 } as const;

/** The texts of references are short; NVFlare writes about 100 bytes. */
const MAX_REFERENCE_BYTES = 65_536;

const isReference = isMatching({ fqcn: P.string, ref_id: P.string });

/** Whether we know what it is. */
export function isPullable({ dot }: Reference): boolean {
  return dot === Dot.NUMPY || dot === Dot.TENSOR;
}

/** A part of a value that others refer to. It is decoded once, however often they do. */
export class Datum {
  readonly #section: Section;
  #content: string | Uint8Array | undefined;
  #reference: Reference | undefined;

  /** @throws CommError `BAD_DATA` where it has no ID */
  constructor(section: Section) {
    if (section.body.length < ID_BYTES) throw badFobs('a datum has no ID');
    this.#section = section;
  }

  /** What it is looked up by: made of the UUID that it begins with. */
  get key(): string {
    return keyOf(this.#section.body);
  }

  /** What it means to a decomposer; 0 for nothing. */
  get dot(): number {
    return this.#section.dot;
  }

  /** It was a file of the sender. */
  get isFile(): boolean {
    return this.#section.marker === Marker.FILE;
  }

  /** Its text, or its bytes, which are a view on the input. @throws CommError `BAD_DATA` for a text that is not UTF-8 */
  get content(): string | Uint8Array {
    return (this.#content ??= contentOf(this.#section));
  }

  /** What it says of where to pull from. @throws CommError `BAD_DATA` where it says something else */
  get reference(): Reference {
    return (this.#reference ??= { ...readReference(this.#section), dot: this.dot });
  }
}

function contentOf({ marker, body }: Section): string | Uint8Array {
  const content = body.subarray(ID_BYTES);
  return marker === Marker.TEXT ? textOf(content) : content;
}

function readReference({ marker, body }: Section): Omit<Reference, 'dot'> {
  if (marker !== Marker.TEXT) throw badFobs('a reference is no text');
  if (body.length - ID_BYTES > MAX_REFERENCE_BYTES)
    throw badFobs(`a reference has more than ${MAX_REFERENCE_BYTES} bytes`);
  const text = textOf(body.subarray(ID_BYTES));
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw badFobs(`a reference is no JSON (${oneLine(String(error))})`);
  }
  if (!isReference(parsed)) throw badFobs('a reference has no fqcn or ref_id');
  return { fqcn: parsed.fqcn, refId: parsed.ref_id };
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** A UUID as text. */
export function idText(id: Uint8Array): string {
  let text = '';
  for (const [at, byte] of id.entries()) {
    if (at >= 4 && at <= 10 && at % 2 === 0) text += '-';
    text += HEX[byte] ?? '';
  }
  return text;
}

/** What a UUID is looked up by, given as text; `undefined` where it is none. */
export function keyOfText(text: string): string | undefined {
  if (!UUID.test(text)) return undefined;
  const hex = text.replaceAll('-', '');
  return keyOf(
    Uint8Array.from({ length: ID_BYTES }, (_, at) => Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16)),
  );
}

/**
 * What a UUID is looked up by. A value may have thousands, and the text of one takes ten times as long to make. It never
 * looks like a number, since V8 hashes those without a secret: a sender could choose them to collide.
 */
function keyOf(id: Uint8Array): string {
  const word = (at: number): number => ((id[at] ?? 0) << 8) | (id[at + 1] ?? 0);
  return String.fromCharCode(0x2d, word(0), word(2), word(4), word(6), word(8), word(10), word(12), word(14));
}
