/**
 * `rxflare/fobs`: Python objects as NVFlare sends them (FOBS), and numpy arrays.
 *
 * @module rxflare/fobs
 */
export { type Decoded, decodeFobs, type DecodeOptions } from './decode.js';
export { encodeFobs, type EncodeOptions } from './encode.js';
export type { Reference } from './datum.js';
export { type Dtype, DTYPES, NdArray, type NdData, Tensor } from './nd-array.js';
export { readNpy, writeNpy } from './npy.js';
export { readNpz, writeNpz } from './npz.js';
export type { DecodeLimits } from './pack-reader.js';
export { rowMajor } from './row-major.js';
export { readSafetensors, writeSafetensors } from './safetensors.js';
export type { FobsDialect } from './sections.js';
export {
  type FobsValue,
  OrderedDict,
  pyData,
  pyDict,
  pyEnum,
  PyFile,
  PyFloat,
  PyObject,
  RemoteItem,
  type ToFobs,
  Tuple,
} from './value.js';
