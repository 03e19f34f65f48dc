import { describe, expect, it, onTestFinished, vi } from 'vitest';

import { DatumWriter } from '../../lib/fobs/datum-writer.js';

it('takes as many files as a reader, and each once', () => {
  const datums = new DatumWriter('2.7');
  const files = Array.from({ length: 65_236 }, () => Uint8Array.of(1));
  const [first = new Uint8Array()] = files;
  const ids = files.map((file) => datums.file(file));
  expect(datums.file(first)).toBe(ids[0]);
  expect(() => datums.file(Uint8Array.of(2))).toThrow('more than 65236 files');
});

describe('a long text', () => {
  const long = (end: string) => `${'x'.repeat(20_000)}${end}`;

  it('is one datum where it comes again, and no other text that is as long', () => {
    const datums = new DatumWriter('2.7');
    const texts = Array.from({ length: 100 }, (_, index) => long(String(index).padStart(3, '0')));
    expect(texts.map((text) => datums.idOf(text, true))).toEqual(texts.map(() => undefined));
    const ids = texts.map((text) => datums.idOf(text, true));
    expect(new Set(ids).size).toBe(100);
    expect(texts.map((text) => datums.idOf(text, true))).toEqual(ids);
    expect(datums.idOf(long(''), true)).toBeUndefined();
  });

  it('is never the key of a Map, which V8 would find by its length', () => {
    const keys: unknown[] = [];
    const original = Reflect.get<Map<unknown, unknown>, 'set'>(Map.prototype, 'set');
    const set = vi.spyOn(Map.prototype, 'set').mockImplementation(function (
      this: Map<unknown, unknown>,
      key,
      value,
    ) {
      keys.push(key);
      return original.call(this, key, value);
    });
    onTestFinished(() => set.mockRestore());
    const datums = new DatumWriter('2.7');
    for (const end of ['a', 'b']) datums.idOf(long(end), true);
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.filter((key) => typeof key === 'string' && key.length > 16_383)).toEqual([]);
  });

  it('comes again for so many characters, since each is read', () => {
    const datums = new DatumWriter('2.7', 60_000);
    for (let time = 0; time < 3; time += 1) datums.idOf(long(''), true);
    datums.idOf(long('another'), true);
    datums.idOf(long(''), true);
    expect(() => datums.idOf(long(''), true)).toThrow('long texts again');
  });
});
