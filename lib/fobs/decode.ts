import { isMatching, P } from 'ts-pattern';

import { CommError, CommErrorCode } from '../comm-error.js';
import { isBytes } from '../is-bytes.js';
import { badFobs } from './bad-fobs.js';
import { CollidingKeys, MAX_NUMBER_KEYS } from './colliding-keys.js';
import { type Datum, Dot, type Reference } from './datum.js';
import { Datums } from './datums.js';
import { type NdArray, Tensor } from './nd-array.js';
import { readNpy } from './npy.js';
import { type DecodeLimits, readPack } from './pack-reader.js';
import { readSafetensors } from './safetensors.js';
import { type FobsDialect, readSections } from './sections.js';
import { FOBS_DATA, FOBS_DECOMPOSER, FOBS_TYPE, PyType } from './type-names.js';
import { type FobsValue, OrderedDict, PyFile, PyObject, RemoteItem, Tuple } from './value.js';

/** How to decode. */
export interface DecodeOptions extends Partial<DecodeLimits> {
  /** Makes instances of your own classes, by the full name of the Python class. */
  readonly types?: Readonly<Record<string, (object: PyObject) => FobsValue>>;
  /** What stands for an item that has been pulled. Default: the item itself, as does `undefined`. */
  readonly resolve?: (item: RemoteItem) => FobsValue;
}

/** A decoded value, and how it was written: answer a peer in its own dialect. */
export interface Decoded {
  readonly value: FobsValue;
  readonly dialect: FobsDialect;
  /** What the {@link RemoteItem}s of the value are to be pulled by; empty where all of them were resolved. */
  readonly references: readonly Reference[];
}

const DEFAULT_LIMITS: DecodeLimits = { maxDepth: 100, maxValues: 1_000_000, maxNumberKeys: MAX_NUMBER_KEYS };

/**
 * Decodes FOBS, NVFlare's form of Python objects on the wire. Bytes and arrays are views on the input where they can
 * be, so they retain all of it.
 *
 * Nothing of Python is run: a class that is not known becomes a {@link PyObject}, which is encoded as it was decoded.
 * Arrays that the sender did not send along become {@link RemoteItem}s.
 *
 * @throws CommError `BAD_DATA` for bytes that are no FOBS of either dialect, break a limit, or hold an array whose
 * header does not fit its data; `BAD_CONFIG` for a limit that is no number from 0 on
 */
export function decodeFobs(bytes: Uint8Array, options: DecodeOptions = {}): Decoded {
  // A Buffer would make Buffers of all that is a view on it.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const { dialect, sections } = readSections(plain);
  const [main, ...rest] = sections;
  if (main === undefined) throw badFobs('it is empty');
  const limits = limitsOf(options);
  const context: Context = {
    types: options.types ?? {},
    resolve: options.resolve,
    open: new Set(),
    datums: new Datums(rest),
    arrays: new Map(),
    keys: new CollidingKeys(limits.maxNumberKeys),
  };
  const value = readPack(main.body, (map) => recompose(map, context), limits, context.keys, rest.length);
  return { value, dialect, references: [...context.open] };
}

function limitsOf({
  maxDepth = DEFAULT_LIMITS.maxDepth,
  maxValues = DEFAULT_LIMITS.maxValues,
  maxNumberKeys = DEFAULT_LIMITS.maxNumberKeys,
}: DecodeOptions): DecodeLimits {
  const limits = { maxDepth, maxValues, maxNumberKeys };
  for (const [name, limit] of Object.entries(limits))
    if (typeof limit !== 'number' || !(limit >= 0))
      throw new CommError(
        CommErrorCode.BAD_CONFIG,
        `${name}: expected a number from 0 on, got ${String(limit)}`,
      );
  return limits;
}

interface Context {
  readonly types: NonNullable<DecodeOptions['types']>;
  readonly resolve: DecodeOptions['resolve'];
  /** Those that items of the value refer to, and that are not resolved. */
  readonly open: Set<Reference>;
  readonly datums: Datums;
  /** The arrays by their bytes: what many refer to is one array. */
  readonly arrays: Map<Uint8Array, NdArray>;
  readonly keys: CollidingKeys;
}

type Recomposer = (data: FobsValue, object: PyObject, context: Context) => FobsValue | undefined;

const isPlaced = isMatching({ type: P.string, data: P.union(P.string, P.instanceOf(Uint8Array)) });
const datumRef = { datum_id: P.string, unwrap: P.optional(P.boolean) };
const isDatumRef = isMatching({ data: datumRef });
/** NVFlare 2.5 has the fields of a data class in the place of `data`. */
const isOldDatumRef = isMatching(datumRef);
const isPairs = (data: FobsValue): data is readonly (readonly [FobsValue, FobsValue])[] =>
  Array.isArray(data) && data.every((pair) => Array.isArray(pair) && pair.length === 2);

/** What is not made here stays a PyObject. */
const RECOMPOSERS: Readonly<Record<string, Recomposer>> = {
  [PyType.TUPLE]: (data) => (Array.isArray(data) ? Tuple.from<FobsValue>(data) : undefined),
  [PyType.SET]: (data, _object, { keys }) => {
    if (!Array.isArray(data)) return undefined;
    for (const member of data as readonly FobsValue[]) keys.note(member);
    return new Set<FobsValue>(data);
  },
  [PyType.ORDERED_DICT]: (data, _object, { keys }) => {
    if (!isPairs(data)) return undefined;
    for (const [key] of data) keys.note(key);
    return new OrderedDict(data);
  },
  [PyType.DATETIME]: (data) => {
    const date = new Date(typeof data === 'string' ? data : Number.NaN);
    return Number.isNaN(date.getTime()) ? undefined : date;
  },
  [PyType.DATUM_REF]: (data, _object, { datums }) => {
    if (isDatumRef(data)) return contentOf(datums.withId(data.data.datum_id));
    return isOldDatumRef(data) ? contentOf(datums.withId(data.datum_id)) : undefined;
  },
  [PyType.NDARRAY]: (data, _object, context) => {
    if (isBytes(data)) return arrayOf(data, context);
    if (!isPlaced(data) || data.type !== 'native' || !isBytes(data.data)) return undefined;
    return arrayOf(data.data, context);
  },
  [PyType.TENSOR]: (data, _object, context) => {
    if (!isPlaced(data) || data.type !== 'native' || !isBytes(data.data)) return undefined;
    return arrayOf(data.data, context, readTensor);
  },
};

function arrayOf(bytes: Uint8Array, { arrays }: Context, read = readNpy): NdArray {
  const array = arrays.get(bytes) ?? read(bytes);
  arrays.set(bytes, array);
  return array;
}

/** NVFlare names the one tensor `t`. */
function readTensor(bytes: Uint8Array): Tensor {
  const array = readSafetensors(bytes).get('t');
  if (array === undefined) throw badFobs('a tensor is missing');
  return Tensor.from(array);
}

function contentOf(datum: Datum | undefined): FobsValue {
  const content = datum?.content;
  return datum?.isFile === true && isBytes(content) ? new PyFile(content) : content;
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
function remoteItem(object: PyObject, { datums, resolve, open }: Context): FobsValue {
  const { data } = object;
  if (!isPlaced(data) || data.type !== 'ref' || typeof data.data !== 'string') return undefined;
  const lazyDot = (data as { lazy_dot?: unknown }).lazy_dot;
  const dot = typeof lazyDot === 'number' ? lazyDot : object.type === PyType.NDARRAY ? Dot.NUMPY : Dot.TENSOR;
  const reference = datums.keeperOf(dot)?.reference;
  if (reference === undefined) return undefined;
  const item = new RemoteItem(reference, data.data, object);
  const resolved = resolve?.(item);
  if (resolved === undefined) open.add(reference);
  return resolved ?? item;
}
