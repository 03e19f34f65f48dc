/** Whether a count is 1, 2, 4, 8, ...: what happens often is reported at these counts, so that a flood stays quiet. */
export function isPowerOfTwo(count: number): boolean {
  return (count & (count - 1)) === 0;
}
