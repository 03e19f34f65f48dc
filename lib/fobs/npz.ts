import { quoted } from '../quoted.js';
import { badFobs } from './bad-fobs.js';
import { CollidingKeys } from './colliding-keys.js';
import { bytesOf, type NdArray } from './nd-array.js';
import { npyHeader, readNpy } from './npy.js';
import { readZip } from './zip-reader.js';
import { type FileToZip, writeZip } from './zip-writer.js';

const SUFFIX = '.npy';

/**
 * Reads an npz file, as `numpy.savez` writes it: arrays by name. Elements are views on `bytes` where they are aligned.
 *
 * @throws CommError `BAD_DATA` for anything else, such as a compressed file, which `numpy.savez_compressed` makes
 */
export function readNpz(bytes: Uint8Array): Map<string, NdArray> {
  const arrays = new Map<string, NdArray>();
  const keys = new CollidingKeys();
  for (const { name, content } of readZip(bytes)) {
    const key = name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : undefined;
    if (key === undefined || arrays.has(key))
      throw badFobs(`npz: ${quoted(name)} is no array, or a second one`);
    keys.note(key);
    arrays.set(key, readNpy(content));
  }
  return arrays;
}

/**
 * Writes an npz file, not compressed, as `numpy.savez` does: a Map of arrays, or other pairs of name and array.
 *
 * @returns new memory; the elements are copied once
 * @throws CommError `BAD_DATA` for a type that numpy has not, a name that comes twice, and one of more than 65,000 bytes
 */
export function writeNpz(arrays: Iterable<readonly [name: string, array: NdArray]>): Uint8Array {
  return writeZip(files(arrays));
}

function* files(arrays: Iterable<readonly [name: string, array: NdArray]>): Generator<FileToZip> {
  const names = new Set<string>();
  const keys = new CollidingKeys();
  for (const [key, array] of arrays) {
    if (names.has(key)) throw badFobs(`npz: a second ${quoted(key)}`);
    keys.note(key);
    names.add(key);
    yield { name: key + SUFFIX, parts: [npyHeader(array), bytesOf(array)] };
  }
}
