import { CommError, CommErrorCode } from '../comm-error.js';
import { isBytes } from '../is-bytes.js';
import { isPlainObject } from '../wire/map-codec.js';
import { badFobs } from './bad-fobs.js';
import { NdArray } from './nd-array.js';
import { writeNpy } from './npy.js';
import { PackWriter } from './pack-writer.js';
import { type FobsDialect, mainHeader, textDatum } from './sections.js';
import { DECOMPOSER, FOBS_DATA, FOBS_DECOMPOSER, FOBS_TYPE, PyType } from './type-names.js';
import { type FobsValue, OrderedDict, PyFloat, PyObject, RemoteItem, type ToFobs, Tuple } from './value.js';

/** How to encode. */
export interface EncodeOptions {
  /** What the reader understands; that of its own messages. Default: `2.7`. */
  readonly dialect?: FobsDialect;
}

/** Deeper values are cyclic, or none that Python reads. */
const MAX_DEPTH = 100;

/**
 * Encodes a value as FOBS. A key whose value is `undefined` is left out, any other `undefined` is Python's `None`.
 *
 * @returns new memory; arrays and bytes are copied once
 * @throws CommError `BAD_DATA` for a value that FOBS has no form for, one nested deeper than 100 levels or in a circle;
 * `NOT_SUPPORTED` for a {@link RemoteItem} in dialect 2.4, which has none
 */
export function encodeFobs(value: FobsValue, { dialect = '2.7' }: EncodeOptions = {}): Uint8Array {
  const writer = new PackWriter();
  const references = new Map<number, RemoteItem>();

  const typed = (type: string, data: FobsValue, decomposer: string | undefined, depth: number): void => {
    writer.map(decomposer === undefined ? 2 : 3);
    writer.text(FOBS_TYPE);
    writer.text(type);
    writer.text(FOBS_DATA);
    write(data, depth + 1);
    if (decomposer === undefined) return;
    writer.text(FOBS_DECOMPOSER);
    writer.text(decomposer);
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
      write(key, depth + 1);
      write(item, depth + 1);
    }
  };
  const array = (item: NdArray, depth: number): void => {
    const data = writeNpy(item);
    known(PyType.NDARRAY, dialect === '2.7' ? { type: 'native', data } : data, depth);
  };
  const reference = (item: RemoteItem, depth: number): void => {
    if (dialect !== '2.7')
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
    else if (typeof item === 'string') writer.text(item);
    else if (isBytes(item)) writer.binary(item);
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
    else if (item instanceof RemoteItem) reference(item, depth);
    else if (hasToFobs(item)) write(item.toFobs(), depth + 1);
    else if (isPlainObject(item))
      map(
        Object.entries(item as Readonly<Record<string, FobsValue>>).filter(([, of]) => of !== undefined),
        depth,
      );
    else throw badFobs(`expected a value of FOBS, got ${Object.prototype.toString.call(item)}`);
  };

  write(value, 0);
  const datums = [...references].map(([dot, { fqcn, refId }]) =>
    textDatum(JSON.stringify({ fqcn, ref_id: refId }), dot),
  );
  return writer.finish((size) => mainHeader(size, dialect), datums);
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

function isList(value: unknown): value is readonly FobsValue[] {
  return Array.isArray(value);
}

function hasToFobs(value: object): value is ToFobs {
  return typeof (value as Partial<ToFobs>).toFobs === 'function';
}
