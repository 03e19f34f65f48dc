import { CommError, CommErrorCode } from '../comm-error.js';
import { isBytes } from '../is-bytes.js';
import { isPlainObject } from '../wire/map-codec.js';
import { badFobs } from './bad-fobs.js';
import { DatumWriter } from './datum-writer.js';
import { NdArray, Tensor } from './nd-array.js';
import { writeNpy } from './npy.js';
import { PackWriter } from './pack-writer.js';
import { writeSafetensors } from './safetensors.js';
import { type FobsDialect, mainHeader, textDatum } from './sections.js';
import { DECOMPOSER, FOBS_DATA, FOBS_DECOMPOSER, FOBS_TYPE, PyType } from './type-names.js';
import {
  type FobsValue,
  OrderedDict,
  PyFile,
  PyFloat,
  PyObject,
  RemoteItem,
  type ToFobs,
  Tuple,
} from './value.js';

/** How to encode. */
export interface EncodeOptions {
  /** What the reader understands; that of its own messages. Default: `2.7`. */
  readonly dialect?: FobsDialect;
  /** Keeps an array for others to pull, and says what stands for it; `undefined` sends it along. Default: sends all. */
  readonly keep?: (array: NdArray) => RemoteItem | undefined;
}

/** Deeper values are cyclic, or none that Python reads. */
const MAX_DEPTH = 100;
/** A reference to a datum is nested so deep. */
const REFERENCE_DEPTH = 3;

/**
 * Encodes a value as FOBS. A key whose value is `undefined` is left out, any other `undefined` is Python's `None`.
 *
 * A text or bytes that a value has many times, such as an array that came as one datum, is written twice at most.
 *
 * @returns new memory; arrays and bytes are copied once
 * @throws CommError `BAD_DATA` for a value that FOBS has no form for, one nested deeper than 100 levels or in a circle, or one
 * that repeats texts or bytes for more than 64 MiB where dialect 2.4, or a key, cannot refer to them, has texts of more than
 * 16,383 characters again for more than 2^29 characters, or has more files than 65,236, with the texts and bytes that it
 * refers to; `NOT_SUPPORTED` for a {@link RemoteItem} in dialect 2.4, which has none
 */
export function encodeFobs(value: FobsValue, { dialect = '2.7', keep }: EncodeOptions = {}): Uint8Array {
  const writer = new PackWriter();
  const references = new Map<number, RemoteItem>();
  const datums = new DatumWriter(dialect);
  const written = new Map<NdArray, Uint8Array>();
  /** Decoders of dialect 2.4 look for references only where a Python object has nothing else. */
  const isModern = dialect === '2.7';

  const typed = (type: string, data: FobsValue, decomposer: string | undefined, depth: number): void => {
    writer.map(decomposer === undefined ? 2 : 3);
    writer.text(FOBS_TYPE);
    leaf(type, false, depth);
    writer.text(FOBS_DATA);
    if (isLeaf(data)) leaf(data, true, depth + 1);
    else write(data, depth + 1);
    if (decomposer === undefined) return;
    writer.text(FOBS_DECOMPOSER);
    leaf(decomposer, false, depth);
  };
  const leaf = (content: string | Uint8Array, canRefer: boolean, depth: number): void => {
    const id = datums.idOf(content, canRefer && depth < MAX_DEPTH - REFERENCE_DEPTH);
    if (id !== undefined) datumRef(id, true, depth);
    else if (typeof content === 'string') writer.text(content);
    else writer.binary(content);
  };
  const datumRef = (id: string, unwrap: boolean, depth: number): void => {
    const data = { datum_id: id, unwrap };
    // NVFlare 2.5 has the fields of a data class in the place of `data`, which is one more to it.
    known(PyType.DATUM_REF, isModern ? { data } : { ...data, data }, depth);
  };
  const known = (type: string, data: FobsValue, depth: number): void =>
    typed(type, data, DECOMPOSER[type], depth);
  const list = (items: readonly FobsValue[], depth: number): void => {
    writer.list(items.length);
    for (const item of items) write(item, depth + 1);
  };
  const map = (entries: readonly (readonly [FobsValue, FobsValue])[], depth: number): void => {
    writer.map(entries.length);
    for (const [key, item] of entries) {
      // Python does not look for references among keys.
      if (isLeaf(key)) leaf(key, false, depth);
      else write(key, depth + 1);
      write(item, depth + 1);
    }
  };
  const array = (item: NdArray, depth: number): void => {
    const remote = keep?.(item);
    if (remote !== undefined) {
      reference(remote, depth);
      return;
    }
    const isTensor = item instanceof Tensor;
    const data = written.get(item) ?? (isTensor ? writeSafetensors([['t', item]]) : writeNpy(item));
    written.set(item, data);
    const isPlaced = isTensor || isModern;
    known(isTensor ? PyType.TENSOR : PyType.NDARRAY, isPlaced ? { type: 'native', data } : data, depth);
  };
  const file = ({ bytes }: PyFile, depth: number): void => {
    if (bytes.length === 0) throw badFobs('NVFlare has no empty files');
    datumRef(datums.file(bytes), false, depth);
  };
  const reference = (item: RemoteItem, depth: number): void => {
    if (!isModern)
      throw new CommError(CommErrorCode.NOT_SUPPORTED, 'FOBS 2.4 has no references: send the array itself');
    const { refId } = references.get(item.dot) ?? item;
    if (refId !== item.refId) throw badFobs('one value cannot refer to arrays of two senders');
    references.set(item.dot, item);
    object(item.placeholder, depth);
  };
  const object = (item: PyObject, depth: number): void => typed(item.type, item.data, item.decomposer, depth);

  const write = (item: FobsValue, depth: number): void => {
    if (depth > MAX_DEPTH) throw badFobs(`it is nested deeper than ${MAX_DEPTH}, or in a circle`);
    if (item === undefined || item === null) writer.nil();
    else if (typeof item === 'boolean') writer.boolean(item);
    else if (typeof item === 'number') number(writer, item);
    else if (typeof item === 'bigint') writer.integer(item);
    else if (isLeaf(item)) leaf(item, isModern, depth);
    else if (item instanceof Tuple) known(PyType.TUPLE, Array.from(item), depth);
    else if (isList(item)) list(item, depth);
    else if (item instanceof PyObject) object(item, depth);
    else if (item instanceof NdArray) array(item, depth);
    else if (item instanceof OrderedDict)
      known(
        PyType.ORDERED_DICT,
        Array.from(item, (pair) => Tuple.from(pair)),
        depth,
      );
    else if (item instanceof Map) map([...(item as ReadonlyMap<FobsValue, FobsValue>)], depth);
    else if (item instanceof Set) known(PyType.SET, [...(item as ReadonlySet<FobsValue>)], depth);
    else if (item instanceof Date) known(PyType.DATETIME, isoText(item), depth);
    else if (item instanceof PyFloat) writer.float(item.value);
    else if (item instanceof PyFile) file(item, depth);
    else if (item instanceof RemoteItem) reference(item, depth);
    else if (hasToFobs(item)) write(item.toFobs(), depth + 1);
    else if (isPlainObject(item))
      map(
        Object.entries(item as Readonly<Record<string, FobsValue>>).filter(([, of]) => of !== undefined),
        depth,
      );
    else
      throw badFobs(
        `expected a value of FOBS, got ${nameOf(item)}: only plain objects, arrays, bytes, Maps, Sets and the classes of rxflare/fobs travel, numbers of a typed array as an NdArray`,
      );
  };

  write(value, 0);
  const kept = [...references].map(([dot, { fqcn, refId }]) =>
    textDatum(JSON.stringify({ fqcn, ref_id: refId }), dot),
  );
  return writer.finish((size) => mainHeader(size, dialect), [...kept, ...datums.sections]);
}

/** An integer where Python would have one; those beyond 64 bits, such as 1e300, are floats. */
function number(writer: PackWriter, value: number): void {
  const isInteger =
    Number.isInteger(value) && !Object.is(value, -0) && value >= -(2 ** 63) && value < 2 ** 64;
  if (isInteger) writer.integer(value);
  else writer.float(value);
}

function isoText(date: Date): string {
  if (Number.isNaN(date.getTime())) throw badFobs('a Date is invalid');
  // Python before 3.11 does not read "Z".
  return date.toISOString().replace('Z', '+00:00');
}

function isLeaf(value: FobsValue): value is string | Uint8Array {
  return typeof value === 'string' || isBytes(value);
}

function isList(value: unknown): value is readonly FobsValue[] {
  return Array.isArray(value);
}

function hasToFobs(value: object): value is ToFobs {
  return typeof (value as Partial<ToFobs>).toFobs === 'function';
}

function nameOf(item: unknown): string {
  if (typeof item !== 'object' || item === null) return `a ${typeof item}`;
  return `an instance of ${(item.constructor as { readonly name?: string } | undefined)?.name ?? 'no class'}`;
}
