import type { Reference } from './datum.js';
import type { NdArray } from './nd-array.js';
import { DECOMPOSERS } from './type-names.js';

/**
 * A value that FOBS carries. Plain values are those of JavaScript; the classes beside them stand for Python types that
 * JavaScript lacks, so that a value that is decoded and encoded again is the same to Python.
 *
 * - A Python `dict` with string keys is a plain object, one with other keys is a `Map`.
 * - A Python `int` is a number, or a bigint where a number cannot hold it; a `float` is a number. So an integral
 *   number is sent as an `int`: wrap it in {@link PyFloat} where Python needs a `float`.
 * - A naive `datetime` is a Date in the local time zone. A Date holds milliseconds, so microseconds are lost.
 */
export type FobsValue =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Date
  | readonly FobsValue[]
  | ReadonlySet<FobsValue>
  | ReadonlyMap<FobsValue, FobsValue>
  | NdArray
  | PyFile
  | PyFloat
  | PyObject
  | RemoteItem
  | ToFobs
  | { readonly [key: string]: FobsValue };

/** A class of your own that says what it is to Python, as `toJSON` says what a class is to JSON. */
export interface ToFobs {
  /** What is encoded in its place; usually a {@link PyObject}. */
  toFobs(): FobsValue;
}

/** A Python `float` that is sent as one although its value is an integer. */
export class PyFloat {
  readonly value: number;

  /**
   * Marks a number as a `float`.
   *
   * @param value - sent as a 64-bit float
   */
  constructor(value: number) {
    this.value = value;
  }
}

/**
 * A file that travels whole within a value: `Datum.file_datum(path)` in Python, which saves what it receives so to its
 * `datum_dir`. Here it is its bytes.
 */
export class PyFile {
  readonly bytes: Uint8Array;

  /**
   * A file with these bytes.
   *
   * @param bytes - at least one: NVFlare refuses the message of an empty file
   */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** A Python `tuple`. A plain array is a `list`. */
export class Tuple extends Array<FobsValue> {}

/** Python's `collections.OrderedDict`. A plain Map is a `dict`. */
export class OrderedDict extends Map<FobsValue, FobsValue> {}

/**
 * An instance of any other Python class, by its name: what the class is made of, and the decomposer that makes it. It
 * is encoded as it was decoded, so a program may pass on what it does not understand.
 *
 * `data` is a map for data classes and dict classes such as `nvflare.apis.shareable.Shareable`, the name of the member
 * for enums, and what the decomposer makes of it for others.
 */
export class PyObject<D extends FobsValue = FobsValue> {
  /** Full name of the Python class, such as `nvflare.apis.dxo.DataKind`. */
  readonly type: string;
  readonly data: D;
  /** Full name of the Python decomposer class; absent in what NVFlare 2.3 and older wrote. */
  readonly decomposer: string | undefined;

  /** See the fields; {@link pyEnum} and {@link pyDict} name the decomposers of the two common kinds. */
  constructor(type: string, data: D, decomposer?: string) {
    this.type = type;
    this.data = data;
    this.decomposer = decomposer;
  }
}

/** A member of a Python enum, such as `pyEnum('nvflare.apis.dxo.DataKind', 'WEIGHTS')`. */
export function pyEnum(type: string, member: string): PyObject<string> {
  return new PyObject(type, member, `${DECOMPOSERS}.EnumTypeDecomposer`);
}

/** An instance of a Python class derived from `dict`, such as `pyDict('nvflare.apis.shareable.Shareable', {…})`. */
export function pyDict<D extends FobsValue>(type: string, entries: D): PyObject<D> {
  return new PyObject(type, entries, `${DECOMPOSERS}.DictDecomposer`);
}

/** An instance of a Python data class, made of its fields. */
export function pyData<D extends FobsValue>(type: string, fields: D): PyObject<{ readonly data: D }> {
  return new PyObject(type, { data: fields }, `${DECOMPOSERS}.DataClassDecomposer`);
}

/**
 * An array that the sender keeps and others pull by this reference: item `itemId` of `refId` at cell `fqcn`. NVFlare
 * sends models so from 2.7 on.
 */
export class RemoteItem {
  readonly fqcn: string;
  readonly refId: string;
  readonly itemId: string;
  /** What it is: 3 for a numpy array, 6 for a tensor. */
  readonly dot: number;
  /** The Python object that stands for it in the value. */
  readonly placeholder: PyObject;

  /** See the fields. */
  constructor(source: Reference, itemId: string, placeholder: PyObject) {
    this.fqcn = source.fqcn;
    this.refId = source.refId;
    this.dot = source.dot;
    this.itemId = itemId;
    this.placeholder = placeholder;
  }
}
