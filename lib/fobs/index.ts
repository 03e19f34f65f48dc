/**
 * `rxflare/fobs`: Python objects as NVFlare sends them (FOBS), and numpy arrays.
 *
 * @module rxflare/fobs
 */
export { type Decoded, decodeFobs, type DecodeOptions } from './decode.js';
export { encodeFobs, type EncodeOptions } from './encode.js';
export { type Dtype, DTYPES, NdArray, type NdData } from './nd-array.js';
export { readNpy, writeNpy } from './npy.js';
export type { DecodeLimits } from './pack-reader.js';
export type { FobsDialect } from './sections.js';
export {
  type FobsValue,
  OrderedDict,
  pyData,
  pyDict,
  pyEnum,
  PyFloat,
  PyObject,
  RemoteItem,
  type ToFobs,
  Tuple,
} from './value.js';
