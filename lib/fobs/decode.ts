import { isMatching, P } from 'ts-pattern';

import { isBytes } from '../is-bytes.js';
import { badFobs } from './bad-fobs.js';
import { readNpy } from './npy.js';
import { type DecodeLimits, readPack } from './pack-reader.js';
import { type FobsDialect, ID_BYTES, Marker, readSections, type Section } from './sections.js';
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

const DEFAULT_LIMITS: DecodeLimits = { maxDepth: 100, maxValues: 1_000_000 };

/** The texts of references are short; NVFlare writes about 100 bytes. */
const MAX_REFERENCE_BYTES = 65_536;

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
  const [main, ...datums] = sections;
  if (main === undefined) throw badFobs('it is empty');
  const context: Context = {
    types: options.types ?? {},
    contents: new Map(datums.map((datum) => [idOf(datum), datum])),
    references: new Map(datums.filter(({ dot }) => dot > 0).map((datum) => [datum.dot, datum])),
  };
  const limits = { ...DEFAULT_LIMITS, ...options };
  const value = readPack(main.body, (map) => recompose(map, context), limits);
  return { value, dialect };
}

interface Context {
  readonly types: NonNullable<DecodeOptions['types']>;
  /** The datums by their IDs. */
  readonly contents: ReadonlyMap<string, Section>;
  /** The datums that name a sender to pull from, by what is to be pulled. A value has one of a kind. */
  readonly references: ReadonlyMap<number, Section>;
}

type Recomposer = (data: FobsValue, object: PyObject, context: Context) => FobsValue | undefined;

const isPlaced = isMatching({ type: P.string, data: P.union(P.string, P.instanceOf(Uint8Array)) });
const isReference = isMatching({ fqcn: P.string, ref_id: P.string });
const isDatumRef = isMatching({ data: { datum_id: P.string } });
const isPairs = (data: FobsValue): data is readonly (readonly [FobsValue, FobsValue])[] =>
  Array.isArray(data) && data.every((pair) => Array.isArray(pair) && pair.length === 2);

/** What is not made here stays a PyObject. */
const RECOMPOSERS: Readonly<Record<string, Recomposer>> = {
  [PyType.TUPLE]: (data) => (Array.isArray(data) ? Tuple.from<FobsValue>(data) : undefined),
  [PyType.SET]: (data) => (Array.isArray(data) ? new Set<FobsValue>(data) : undefined),
  [PyType.ORDERED_DICT]: (data) => (isPairs(data) ? new OrderedDict(data) : undefined),
  [PyType.DATETIME]: (data) => {
    const date = new Date(typeof data === 'string' ? data : Number.NaN);
    return Number.isNaN(date.getTime()) ? undefined : date;
  },
  [PyType.DATUM_REF]: (data, _object, { contents }) => {
    const datum = isDatumRef(data) ? contents.get(data.data.datum_id) : undefined;
    return datum === undefined ? undefined : contentOf(datum);
  },
  [PyType.NDARRAY]: (data) => {
    if (isBytes(data)) return readNpy(data);
    return isPlaced(data) && data.type === 'native' && isBytes(data.data) ? readNpy(data.data) : undefined;
  },
};

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
  return datum === undefined ? undefined : new RemoteItem(readReference(datum), data.data, dot, object);
}

const NUMPY_DOT = 3;
const TENSOR_DOT = 6;

function readReference(datum: Section): { fqcn: string; refId: string } {
  const text = contentOf(datum);
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

function contentOf({ marker, body }: Section): string | Uint8Array {
  const content = body.subarray(ID_BYTES);
  return marker === Marker.TEXT ? new TextDecoder().decode(content) : content;
}

/** The UUID that a datum begins with, as text. */
function idOf({ body }: Section): string {
  if (body.length < ID_BYTES) throw badFobs('a datum has no ID');
  const hex = Array.from(body.subarray(0, ID_BYTES), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
