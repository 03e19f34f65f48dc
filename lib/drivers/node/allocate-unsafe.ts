/** Memory that is not cleared first. Whoever asks for it writes all of it before anybody else sees it. */
export function allocateUnsafe(bytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
}
