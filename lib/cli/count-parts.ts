/**
 * Counts the parts of a multipart body while it comes, whatever its chunks are. A body that names no boundary has none.
 *
 * @param contentType - of the request
 * @returns takes each chunk, and gives how many parts have begun
 */
export function countParts(contentType: string): (chunk: Uint8Array) => number {
  const [, quotedText, text] = /boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType) ?? [];
  const boundary = quotedText ?? text;
  if (boundary === undefined) return () => 0;
  const mark = Buffer.from(`--${boundary}\r\n`);
  let rest = Buffer.alloc(0);
  let parts = 0;
  return (chunk) => {
    const bytes = Buffer.concat([rest, chunk]);
    let at = bytes.indexOf(mark);
    let end = 0;
    for (; at !== -1; at = bytes.indexOf(mark, end)) {
      parts += 1;
      end = at + mark.length;
    }
    // What may be the beginning of the next.
    rest = bytes.subarray(Math.max(end, bytes.length - mark.length + 1));
    return parts;
  };
}
