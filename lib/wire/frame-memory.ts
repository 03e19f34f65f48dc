/** The most that is read at once. A larger frame is put together from reads, so it has its memory to itself. */
export const MAX_READ_BYTES = 256 * 1024;

/** The most memory that waits to be used again, in bytes and in pieces. */
const MAX_IDLE_BYTES = 64 * 1024 ** 2;
const MAX_IDLE_PIECES = 64;

/** Memory that nobody has used for this long is left to the garbage collector. */
const IDLE_MS = 5_000;

/** A piece may be this many times as large as what it is used for. */
const MAX_WASTE = 2;

/** ArrayBuffers that one large frame has to itself. */
const owned = new WeakSet<ArrayBufferLike>();

/** Pieces to be used again, the longest idle first. */
const idle: ArrayBuffer[] = [];
let idleBytes = 0;
let isTrimming = false;
let wasUsed = false;

/**
 * Memory for a large frame: a piece that is used again, or a fresh one. A used piece is preferred, since the system must
 * map and clear each page of a fresh one, which takes longer than to fill it.
 *
 * @param bytes - how much is needed now
 * @param wanted - how much is needed in the end; a used piece of that size costs nothing
 * @param allocate - makes fresh memory of `bytes` bytes
 * @returns `bytes` bytes, or `wanted`; any content
 */
export function frameMemory(
  bytes: number,
  wanted: number,
  allocate: (bytes: number) => Uint8Array,
): Uint8Array {
  if (wanted <= MAX_READ_BYTES) return allocate(bytes);
  const used = takeIdle(wanted);
  if (used === undefined) return ownFrame(allocate(bytes));
  owned.add(used);
  return new Uint8Array(used, 0, wanted);
}

/** Notes that nothing but this frame refers to its memory, where it is large and fills that. */
export function ownFrame(frame: Uint8Array): Uint8Array {
  if (frame.length > MAX_READ_BYTES && frame.length === frame.buffer.byteLength) owned.add(frame.buffer);
  return frame;
}

/** Notes that somebody else refers to the memory of a view as well, so that it is not used again. */
export function shareMemory(view: Uint8Array): void {
  if (view.buffer.byteLength > MAX_READ_BYTES) owned.delete(view.buffer);
}

/**
 * Gives back the memory of a large frame by any view on it, for the next one: all views on it are empty from now on.
 * Does nothing where others refer to that memory too.
 *
 * @returns whether it was given back
 */
export function giveBack(view: Uint8Array): boolean {
  const { buffer } = view;
  if (!owned.delete(buffer)) return false;
  const piece = detached(buffer as ArrayBuffer);
  if (idleBytes + piece.byteLength > MAX_IDLE_BYTES || idle.length === MAX_IDLE_PIECES) return true;
  idle.push(piece);
  idleBytes += piece.byteLength;
  trimLater();
  return true;
}

/** What waits to be used again, in bytes. */
export function idleMemory(): number {
  return idleBytes;
}

/** Of the pieces that fit, the last one used: what of it is in the caches of the processor is still warm. */
function takeIdle(bytes: number): ArrayBuffer | undefined {
  const index = idle.findLastIndex(
    ({ byteLength }) => byteLength >= bytes && byteLength <= bytes * MAX_WASTE,
  );
  if (index === -1) return undefined;
  const [piece] = idle.splice(index, 1);
  idleBytes -= piece?.byteLength ?? 0;
  wasUsed = true;
  return piece;
}

/** The same memory under a new ArrayBuffer. Views on the old one are empty, so that no view sees another frame's bytes. */
function detached(buffer: ArrayBuffer): ArrayBuffer {
  return structuredClone(buffer, { transfer: [buffer] });
}

/** Lets go of all pieces once none of them has been used for a while. The timer keeps no process alive. */
function trimLater(): void {
  if (isTrimming) return;
  isTrimming = true;
  wasUsed = false;
  const timer: unknown = setTimeout(() => {
    isTrimming = false;
    if (wasUsed) trimLater();
    else {
      idle.length = 0;
      idleBytes = 0;
    }
  }, IDLE_MS);
  if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref();
}
