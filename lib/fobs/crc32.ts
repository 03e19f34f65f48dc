/** Bytes that are taken at once. */
const STRIDE = 8;

/** CRC-32 of ISO 3309, as zip files have it, eight bytes at a time: `TABLES[n][byte]` is the byte with `n` zeros behind. */
const TABLES = makeTables();

/**
 * The checksum of bytes.
 *
 * @param before - the checksum of what comes before them. Default: 0, for nothing
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let crc = ~before;
  let at = 0;
  for (const end = bytes.length - STRIDE; at <= end; at += STRIDE) {
    const low = view.getUint32(at, true) ^ crc;
    const high = view.getUint32(at + 4, true);
    crc =
      lookUp(t7, low) ^
      lookUp(t6, low >>> 8) ^
      lookUp(t5, low >>> 16) ^
      lookUp(t4, low >>> 24) ^
      lookUp(t3, high) ^
      lookUp(t2, high >>> 8) ^
      lookUp(t1, high >>> 16) ^
      lookUp(t0, high >>> 24);
  }
  for (; at < bytes.length; at += 1) crc = lookUp(t0, crc ^ view.getUint8(at)) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function lookUp(table: Int32Array, index: number): number {
  return table[index & 0xff] ?? 0;
}

type Tables = readonly [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

function makeTables(): Tables {
  const first = Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? 0xedb8_8320 ^ (crc >>> 1) : crc >>> 1;
    return crc;
  });
  const next = (table: Int32Array): Int32Array => table.map((crc) => lookUp(first, crc) ^ (crc >>> 8));
  const second = next(first);
  const third = next(second);
  const fourth = next(third);
  const fifth = next(fourth);
  const sixth = next(fifth);
  const seventh = next(sixth);
  return [first, second, third, fourth, fifth, sixth, seventh, next(seventh)];
}
