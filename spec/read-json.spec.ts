import { afterEach, describe, expect, it, vi } from 'vitest';

import { CommErrorCode, textMessage } from '../lib/index.js';
import { readJson } from '../lib/read-json.js';

afterEach(() => vi.restoreAllMocks());

const BAD_DATA = { code: CommErrorCode.BAD_DATA };

const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

describe('readJson', () => {
  it('parses up to its limit, and not one byte more', () => {
    expect(readJson(textMessage('"grüße"'), 9)).toBe('grüße');
    expect(() => readJson(textMessage('"grüße"'), 8)).toThrow(expect.objectContaining(BAD_DATA));
  });

  it('decodes no text that is too large or too deep', () => {
    const decode = vi.spyOn(TextDecoder.prototype, 'decode');
    const parse = vi.spyOn(JSON, 'parse');
    for (const text of [`"${'x'.repeat(1_000)}"`, '['.repeat(100), nested(33), '{"a":'.repeat(33)])
      expect(() => readJson(textMessage(text), 500)).toThrow(expect.objectContaining(BAD_DATA));
    expect(decode).not.toHaveBeenCalled();
    expect(parse).not.toHaveBeenCalled();
  });

  it('allows 32 levels, and any number of brackets beside each other or in strings', () => {
    for (const text of [nested(32), `[${'[],{},'.repeat(100)}0]`, JSON.stringify(`\\"${'['.repeat(100)}`)])
      expect(readJson(textMessage(text), 1_000)).toEqual(JSON.parse(text));
  });

  it.each(['', '{', 'undefined', '\ufeff{}', '"\\'])('refuses %j, which is no JSON', (text) => {
    expect(() => readJson(textMessage(text), 1_000)).toThrow(expect.objectContaining(BAD_DATA));
  });
});
