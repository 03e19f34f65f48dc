/** Allocates memory without clearing it. The caller must write all of it before anybody else reads it. */
export function allocateUnsafe(bytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
}
