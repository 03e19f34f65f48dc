import { concatenated } from '../concatenated.js';
import { badFobs } from './bad-fobs.js';

/**
 * How an NVFlare release writes FOBS, named by the first release that does so. A peer refuses the other form.
 *
 * - `2.4`: a section begins with `u8 marker, u64 size`; an array is its npy bytes (NVFlare 2.4 to 2.6)
 * - `2.7`: a section begins with `u8 marker, u8 dot, u64 size`; an array is inline or by reference (from NVFlare 2.7)
 */
export type FobsDialect = '2.4' | '2.7';

/** What a section holds. Source: `nvflare/fuel/utils/fobs/lobs.py`. */
export const Marker = { MAIN: 100, TEXT: 101, BLOB: 102, FILE: 103 } as const;

/** A part of the encoded value: the value itself, or a datum that it refers to by ID. */
export interface Section {
  readonly marker: number;
  /** Datum object type: what a datum means to a decomposer. 0 for none, and always in dialect 2.4. */
  readonly dot: number;
  /** A view on the input. */
  readonly body: Uint8Array;
}

/** Each datum begins with a UUID. */
export const ID_BYTES = 16;

/** More than a value with datums of its own ever has; NVFlare writes one per text or blob of 10 MiB, or per model. */
export const MAX_SECTIONS = 65_536;

const HEADER_BYTES: Readonly<Record<FobsDialect, number>> = { '2.4': 9, '2.7': 10 };

/**
 * Cuts encoded FOBS into its sections. The dialect is the one whose sections fill the input exactly.
 *
 * @throws CommError `BAD_DATA` where neither does, or the first section is not the main one
 */
export function readSections(bytes: Uint8Array): { dialect: FobsDialect; sections: readonly Section[] } {
  for (const dialect of ['2.7', '2.4'] as const) {
    const sections = cut(bytes, dialect);
    if (sections !== undefined) return { dialect, sections };
  }
  throw badFobs(`${bytes.length} bytes are no sequence of sections`);
}

/** The header of the main section, for a body of `size` bytes. */
export function mainHeader(size: number, dialect: FobsDialect): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES[dialect]);
  header[0] = Marker.MAIN;
  new DataView(header.buffer).setBigUint64(header.length - 8, BigInt(size));
  return header;
}

/** A datum of text in dialect 2.7, which has it alone to refer to what others keep. */
export function textDatum(text: string, dot: number): Uint8Array {
  const content = new TextEncoder().encode(text);
  return concatenated([
    datumHeader(Marker.TEXT, dot, content.length, crypto.getRandomValues(new Uint8Array(ID_BYTES)), '2.7'),
    content,
  ]);
}

/** What comes before the content of a datum. */
export function datumHeader(
  marker: number,
  dot: number,
  size: number,
  id: Uint8Array,
  dialect: FobsDialect,
): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES[dialect] + ID_BYTES);
  header[0] = marker;
  if (dialect === '2.7') header[1] = dot;
  new DataView(header.buffer).setBigUint64(HEADER_BYTES[dialect] - 8, BigInt(ID_BYTES + size));
  header.set(id, HEADER_BYTES[dialect]);
  return header;
}

function cut(bytes: Uint8Array, dialect: FobsDialect): readonly Section[] | undefined {
  const headerBytes = HEADER_BYTES[dialect];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const sections: Section[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    if (bytes.length - offset < headerBytes || sections.length === MAX_SECTIONS) return undefined;
    const marker = view.getUint8(offset);
    const expectsMain = sections.length === 0;
    if (expectsMain ? marker !== Marker.MAIN : marker < Marker.TEXT || marker > Marker.FILE) return undefined;
    const dot = dialect === '2.7' ? view.getUint8(offset + 1) : 0;
    const start = offset + headerBytes;
    const size = Number(view.getBigUint64(start - 8));
    if (size === 0 || size > bytes.length - start) return undefined;
    sections.push({ marker, dot, body: bytes.subarray(start, start + size) });
    offset = start + size;
  }
  return sections.length === 0 ? undefined : sections;
}
