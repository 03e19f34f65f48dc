import { isMatching, P } from 'ts-pattern';

import { isBytes } from '../is-bytes.js';
import { badFobs } from './bad-fobs.js';
import { Datum } from './datum.js';
import type { NdArray } from './nd-array.js';
import { readNpy } from './npy.js';
import { NumberKeys } from './number-keys.js';
import { type DecodeLimits, readPack } from './pack-reader.js';
import { type FobsDialect, readSections } from './sections.js';
import { FOBS_DATA, FOBS_DECOMPOSER, FOBS_TYPE, PyType } from './type-names.js';
import { type FobsValue, OrderedDict, PyObject, RemoteItem, Tuple } from './value.js';

/** How to decode. */
export interface DecodeOptions extends Partial<DecodeLimits> {
  /** Makes instances of your own classes, by the full name of the Python class. */
  readonly types?: Readonly<Record<string, (object: PyObject) => FobsValue>>;
}

/** A decoded value, and how it was written: answer a peer in its own dialect. */
export interface Decoded {
  readonly value: FobsValue;
  readonly dialect: FobsDialect;
}

const DEFAULT_LIMITS: DecodeLimits = { maxDepth: 100, maxValues: 1_000_000, maxNumberKeys: 4_096 };

/**
 * Decodes FOBS, NVFlare's form of Python objects on the wire. Bytes and arrays are views on the input where they can
 * be, so they retain all of it.
 *
 * Nothing of Python is run: a class that is not known becomes a {@link PyObject}, which is encoded as it was decoded.
 * Arrays that the sender did not send along become {@link RemoteItem}s.
 *
 * @throws CommError `BAD_DATA` for bytes that are no FOBS of either dialect, break a limit, or hold an array whose
 * header does not fit its data
 */
export function decodeFobs(bytes: Uint8Array, options: DecodeOptions = {}): Decoded {
  // A Buffer would make Buffers of all that is a view on it.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const { dialect, sections } = readSections(plain);
  const [main, ...rest] = sections;
  if (main === undefined) throw badFobs('it is empty');
  const datums = rest.map((section) => new Datum(section));
  const limits = { ...DEFAULT_LIMITS, ...options };
  const context: Context = {
    types: options.types ?? {},
    datums: new Map(datums.map((datum) => [datum.id, datum])),
    references: new Map(datums.filter(({ dot }) => dot > 0).map((datum) => [datum.dot, datum])),
    arrays: new Map(),
    numberKeys: new NumberKeys(limits.maxNumberKeys),
  };
  const value = readPack(main.body, (map) => recompose(map, context), limits, context.numberKeys);
  return { value, dialect };
}

interface Context {
  readonly types: NonNullable<DecodeOptions['types']>;
  /** The datums by their IDs. */
  readonly datums: ReadonlyMap<string, Datum>;
  /** The datums that name a sender to pull from, by what is to be pulled. A value has one of a kind. */
  readonly references: ReadonlyMap<number, Datum>;
  /** The arrays by their bytes: what many refer to is one array. */
  readonly arrays: Map<Uint8Array, NdArray>;
  readonly numberKeys: NumberKeys;
}

type Recomposer = (data: FobsValue, object: PyObject, context: Context) => FobsValue | undefined;

const isPlaced = isMatching({ type: P.string, data: P.union(P.string, P.instanceOf(Uint8Array)) });
const isDatumRef = isMatching({ data: { datum_id: P.string } });
const isPairs = (data: FobsValue): data is readonly (readonly [FobsValue, FobsValue])[] =>
  Array.isArray(data) && data.every((pair) => Array.isArray(pair) && pair.length === 2);

/** What is not made here stays a PyObject. */
const RECOMPOSERS: Readonly<Record<string, Recomposer>> = {
  [PyType.TUPLE]: (data) => (Array.isArray(data) ? Tuple.from<FobsValue>(data) : undefined),
  [PyType.SET]: (data, _object, { numberKeys }) => {
    if (!Array.isArray(data)) return undefined;
    for (const member of data as readonly FobsValue[]) numberKeys.note(member);
    return new Set<FobsValue>(data);
  },
  [PyType.ORDERED_DICT]: (data, _object, { numberKeys }) => {
    if (!isPairs(data)) return undefined;
    for (const [key] of data) numberKeys.note(key);
    return new OrderedDict(data);
  },
  [PyType.DATETIME]: (data) => {
    const date = new Date(typeof data === 'string' ? data : Number.NaN);
    return Number.isNaN(date.getTime()) ? undefined : date;
  },
  [PyType.DATUM_REF]: (data, _object, { datums }) =>
    isDatumRef(data) ? datums.get(data.data.datum_id)?.content : undefined,
  [PyType.NDARRAY]: (data, _object, context) => {
    if (isBytes(data)) return arrayOf(data, context);
    if (!isPlaced(data) || data.type !== 'native' || !isBytes(data.data)) return undefined;
    return arrayOf(data.data, context);
  },
};

function arrayOf(npy: Uint8Array, { arrays }: Context): NdArray {
  const array = arrays.get(npy) ?? readNpy(npy);
  arrays.set(npy, array);
  return array;
}

function recompose(map: Readonly<Record<string, FobsValue>>, context: Context): FobsValue {
  const { [FOBS_TYPE]: type, [FOBS_DATA]: data, [FOBS_DECOMPOSER]: decomposer } = map;
  if (typeof type !== 'string') return map;
  const object = new PyObject(type, data, typeof decomposer === 'string' ? decomposer : undefined);
  const own = Object.hasOwn(context.types, type) ? context.types[type] : undefined;
  if (own !== undefined) return own(object);
  const known = Object.hasOwn(RECOMPOSERS, type) ? RECOMPOSERS[type]?.(data, object, context) : undefined;
  return known ?? remoteItem(object, context) ?? object;
}

/** An array or tensor that is to be pulled. Source: `nvflare/fuel/utils/fobs/decomposers/via_downloader.py`. */
function remoteItem(object: PyObject, { references }: Context): RemoteItem | undefined {
  const { data } = object;
  if (!isPlaced(data) || data.type !== 'ref' || typeof data.data !== 'string') return undefined;
  const lazyDot = (data as { lazy_dot?: unknown }).lazy_dot;
  const dot = typeof lazyDot === 'number' ? lazyDot : object.type === PyType.NDARRAY ? NUMPY_DOT : TENSOR_DOT;
  const datum = references.get(dot);
  return datum === undefined ? undefined : new RemoteItem(datum.reference, data.data, dot, object);
}

const NUMPY_DOT = 3;
const TENSOR_DOT = 6;
