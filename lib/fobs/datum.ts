import { isMatching, P } from 'ts-pattern';

import { badFobs } from './bad-fobs.js';
import { ID_BYTES, Marker, type Section } from './sections.js';

/** Where a sender keeps what can be pulled. */
export interface Reference {
  readonly fqcn: string;
  readonly refId: string;
}

/** The texts of references are short; NVFlare writes about 100 bytes. */
const MAX_REFERENCE_BYTES = 65_536;

const isReference = isMatching({ fqcn: P.string, ref_id: P.string });

/** A part of a value that others refer to. It is decoded once, however often they do. */
export class Datum {
  /** The UUID that it begins with, as text. */
  readonly id: string;
  readonly #section: Section;
  #content: string | Uint8Array | undefined;
  #reference: Reference | undefined;

  /** @throws CommError `BAD_DATA` where it has no ID */
  constructor(section: Section) {
    this.#section = section;
    this.id = idOf(section);
  }

  /** What it means to a decomposer; 0 for nothing. */
  get dot(): number {
    return this.#section.dot;
  }

  /** Its text, or its bytes, which are a view on the input. */
  get content(): string | Uint8Array {
    return (this.#content ??= contentOf(this.#section));
  }

  /** What it says of where to pull from. @throws CommError `BAD_DATA` where it says something else */
  get reference(): Reference {
    return (this.#reference ??= readReference(this.content));
  }
}

function contentOf({ marker, body }: Section): string | Uint8Array {
  const content = body.subarray(ID_BYTES);
  return marker === Marker.TEXT ? new TextDecoder().decode(content) : content;
}

function readReference(text: string | Uint8Array): Reference {
  if (typeof text !== 'string' || text.length > MAX_REFERENCE_BYTES) throw badFobs('a reference is no text');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw badFobs(`a reference is no JSON (${String(error)})`);
  }
  if (!isReference(parsed)) throw badFobs('a reference has no fqcn or ref_id');
  return { fqcn: parsed.fqcn, refId: parsed.ref_id };
}

function idOf({ body }: Section): string {
  if (body.length < ID_BYTES) throw badFobs('a datum has no ID');
  const hex = Array.from(body.subarray(0, ID_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
