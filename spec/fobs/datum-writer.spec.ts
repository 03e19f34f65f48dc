import { expect, it } from 'vitest';

import { DatumWriter } from '../../lib/fobs/datum-writer.js';

it('takes as many files as a reader, and each once', () => {
  const datums = new DatumWriter('2.7');
  const files = Array.from({ length: 65_236 }, () => Uint8Array.of(1));
  const [first = new Uint8Array()] = files;
  const ids = files.map((file) => datums.file(file));
  expect(datums.file(first)).toBe(ids[0]);
  expect(() => datums.file(Uint8Array.of(2))).toThrow('more than 65236 files');
});
