import { concatenated } from '../concatenated.js';
import { quoted } from '../quoted.js';
import { badFobs } from './bad-fobs.js';
import { elements, IS_LITTLE } from './elements.js';
import { bytesOf, type Dtype, DTYPES, MAX_AXES, NdArray, elementCount } from './nd-array.js';

/*
 * The format of numpy.lib.format, versions 1 to 3:
 * \x93NUMPY, u8 major, u8 minor, u16 or u32 length (little-endian), header text, elements.
 */
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] as const;
const ALIGNMENT = 64;
/** numpy refuses longer headers too. */
const MAX_HEADER_BYTES = 10_000;

const HEADER =
  /^\{\s*'descr':\s*(\S.*?),\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([\d,\s]*)\),?\s*\}\s*$/;

/** The byte order, and the code of a type of numbers. */
const DESCR = /^'[<>|=]([a-z]\d+)'$/;

const NAMES: ReadonlyMap<string, Dtype> = new Map(
  (Object.keys(DTYPES) as Dtype[]).flatMap((name) => {
    const code = DTYPES[name].code?.slice(1);
    return code === undefined ? [] : [[code, name] as const];
  }),
);

/**
 * Reads an npy file. Its elements are a view on `bytes` where they are aligned and in the byte order of the machine,
 * and a copy otherwise.
 *
 * @throws CommError `BAD_DATA` for anything else than one whole array of a type of {@link DTYPES}
 */
export function readNpy(bytes: Uint8Array): NdArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 10 || MAGIC.some((byte, index) => bytes[index] !== byte)) throw badFobs('no npy file');
  const isLong = view.getUint8(6) > 1;
  if (isLong && bytes.length < 12) throw badFobs('no npy file');
  const headerAt = isLong ? 12 : 10;
  const headerBytes = isLong ? view.getUint32(8, true) : view.getUint16(8, true);
  if (headerBytes > Math.min(MAX_HEADER_BYTES, bytes.length - headerAt))
    throw badFobs('npy: the header is cut off');
  const header = String.fromCharCode(...bytes.subarray(headerAt, headerAt + headerBytes));
  const [, descr = '', fortran, axes = ''] = HEADER.exec(header) ?? [];
  const dtype = NAMES.get(DESCR.exec(descr)?.[1] ?? '');
  if (dtype === undefined) throw badFobs(`npy: no array of a known type (${quoted(descr)})`);
  const shape = axes
    .split(',')
    .filter((axis) => axis.trim() !== '')
    .map(Number);
  const size = elementCount(shape) * DTYPES[dtype].lanes * DTYPES[dtype].memory.BYTES_PER_ELEMENT;
  const start = headerAt + headerBytes;
  if (shape.length > MAX_AXES || size !== bytes.length - start)
    throw badFobs(`npy: ${bytes.length - start} bytes do not fit the shape ${quoted(axes)}`);
  const isSwapped = descr.startsWith(IS_LITTLE ? "'>" : "'<");
  return new NdArray(dtype, shape, elements(bytes.subarray(start), dtype, isSwapped), fortran === 'True');
}

/**
 * Writes an npy file of version 1, as `numpy.save` does.
 *
 * @throws CommError `BAD_DATA` for bfloat16, which numpy has not
 */
export function writeNpy(array: NdArray): Uint8Array {
  return concatenated([npyHeader(array), bytesOf(array)]);
}

/** What comes before the elements. @throws CommError `BAD_DATA` for bfloat16 */
export function npyHeader({ dtype, shape, isFortran }: NdArray): Uint8Array {
  const { code } = DTYPES[dtype];
  if (code === undefined) throw badFobs(`npy: numpy has no ${dtype}: send it as a Tensor`);
  const descr = IS_LITTLE ? code : code.replace('<', '>');
  const axes = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${descr}', 'fortran_order': ${isFortran ? 'True' : 'False'}, 'shape': ${axes}, }`;
  const header = new Uint8Array(Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT);
  header.set(MAGIC);
  header[6] = 1;
  new DataView(header.buffer).setUint16(8, header.length - 10, true);
  header.set(new TextEncoder().encode(`${text.padEnd(header.length - 11)}\n`), 10);
  return header;
}
