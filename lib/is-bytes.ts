/**
 * Whether a value is a `Uint8Array`, one of another realm too: a test in jsdom has the `Uint8Array` of jsdom, while
 * `TextEncoder` there makes one of Node.
 */
export function isBytes(value: unknown): value is Uint8Array {
  return (
    value instanceof Uint8Array ||
    (ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === '[object Uint8Array]')
  );
}
