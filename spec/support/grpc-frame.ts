/** A `streamer.Frame` as protobuf has it, by a hand of its own: `seq` and then `data`. */
export function grpcFrame(seq: number, data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(0x08), varint(seq), Buffer.of(0x12), varint(data.length), data]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  return Buffer.from([...bytes, rest]);
}
