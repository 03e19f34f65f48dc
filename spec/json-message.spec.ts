import { describe, expect, expectTypeOf, it } from 'vitest';
import { z } from 'zod';

import {
  CommError,
  CommErrorCode,
  jsonMessage,
  jsonOf,
  type Message,
  type StandardSchema,
  textMessage,
  textOf,
} from '../lib/index.js';

const Reading = z.object({ celsius: z.number(), at: z.array(z.object({ room: z.string() })).optional() });

/** A schema that refuses everything with these issues, or never answers in time. */
function schemaThat(validate: StandardSchema<number>['~standard']['validate']): StandardSchema<number> {
  return { '~standard': { version: 1, vendor: 'spec', validate } };
}

function errorOf(work: () => unknown): CommError {
  try {
    work();
  } catch (error) {
    if (error instanceof CommError) return error;
  }
  throw new Error('expected a CommError');
}

const badData = expect.objectContaining({ code: CommErrorCode.BAD_DATA }) as Error;

describe('jsonMessage', () => {
  it.each([0, 'Grüße', null, [1, { a: [true] }], { celsius: 21.5 }])('comes back as it was: %j', (value) => {
    expect(jsonOf(jsonMessage(value))).toEqual(value);
  });

  it('is JSON in UTF-8 with the headers given', () => {
    const message = jsonMessage({ ü: 1 }, { id: 7 });
    expect(message.headers).toEqual({ id: 7 });
    expect(textOf(message)).toBe('{"ü":1}');
  });

  const circle: unknown[] = [];
  circle.push(circle);
  it.each([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a bigint', { count: 1n }],
    ['what contains itself', circle],
    ['what jsonOf would not read', JSON.parse('['.repeat(33) + ']'.repeat(33))],
  ])('refuses %s', (_, value) => {
    expect(() => jsonMessage(value)).toThrow(badData);
  });
});

describe('jsonOf', () => {
  it.each<[string, Message]>([
    ['no payload', {}],
    ['no JSON', textMessage('{"secret": 12345')],
    ['more than 1 MiB', jsonMessage('x'.repeat(1_048_576))],
    ['33 levels', textMessage('['.repeat(33) + ']'.repeat(33))],
  ])('refuses %s, and quotes none of it', (_, message) => {
    const error = errorOf(() => jsonOf(message));
    expect(error.code).toBe(CommErrorCode.BAD_DATA);
    expect(error.message).not.toMatch(/secret|12345|xxx|\[\[/);
    expect(error.cause).toBeUndefined();
  });

  it('parses up to the limit given', () => {
    expect(jsonOf(jsonMessage([1, 2]), undefined, 5)).toEqual([1, 2]);
    expect(() => jsonOf(jsonMessage([1, 2]), undefined, 4)).toThrow(badData);
  });

  describe('with a schema of Zod', () => {
    it('returns what the schema returns, with its type', () => {
      const reading = jsonOf(jsonMessage({ celsius: 21.5, more: 1 }), Reading);
      expectTypeOf(reading).toEqualTypeOf<z.output<typeof Reading>>();
      expect(reading).toEqual({ celsius: 21.5 });
      const doubled = jsonOf(
        jsonMessage('21'),
        z.string().transform((text) => Number(text) * 2),
      );
      expectTypeOf(doubled).toEqualTypeOf<number>();
      expect(doubled).toBe(42);
    });

    it.each([
      [{ celsius: 'hot' }, /^JSON at celsius: .*expected number/],
      [{ celsius: 1, at: [{ room: 'a' }, { room: 2 }] }, /^JSON at at\[1\]\.room: .*expected string/],
      [5, /^JSON: .*expected object/],
    ])('says where and what the first issue is: %j', (value, message) => {
      const error = errorOf(() => jsonOf(jsonMessage(value), Reading));
      expect(error.code).toBe(CommErrorCode.BAD_DATA);
      expect(error.message).toMatch(message);
    });

    it('refuses one that is asynchronous', () => {
      const slow = z.number().refine(() => Promise.resolve(true));
      expect(errorOf(() => jsonOf(jsonMessage(1), slow)).code).toBe(CommErrorCode.BAD_CONFIG);
    });
  });

  describe('with any schema', () => {
    it('takes one that is a function too', () => {
      const schema = Object.assign(
        () => 'called',
        schemaThat((value) => ({ value: Number(value) + 1 })),
      );
      expect(jsonOf(jsonMessage(1), schema)).toBe(2);
    });

    it('keeps texts and keys of strangers short and on one line', () => {
      const text = `no\n${'x'.repeat(10_000)}`;
      const schema = schemaThat(() => ({
        issues: [{ message: text, path: [{ key: text }, 0, Symbol('a')] }, { message: 'second' }],
      }));
      const { message } = errorOf(() => jsonOf(jsonMessage(1), schema));
      expect(message).toMatch(/^JSON at \["no\\nx+\.\.\."\]\[0\]\["Symbol\(a\)"\]: no\\u000ax+\.\.\.$/);
      expect(message.length).toBeLessThan(300);
    });

    it('refuses one that answers later, and swallows that answer', () => {
      const late = schemaThat(() => Promise.reject(new Error('late')));
      expect(errorOf(() => jsonOf(jsonMessage(1), late)).code).toBe(CommErrorCode.BAD_CONFIG);
    });

    it('says so where there is no issue in a refusal', () => {
      expect(
        errorOf(() =>
          jsonOf(
            jsonMessage(1),
            schemaThat(() => ({ issues: [] })),
          ),
        ).message,
      ).toBe('JSON: refused by the schema');
    });
  });

  describe('with a function', () => {
    it('returns what the function returns, with its type', () => {
      const text = jsonOf(jsonMessage(5), (value) => `value ${String(value)}`);
      expectTypeOf(text).toEqualTypeOf<string>();
      expect(text).toBe('value 5');
    });

    it('makes what the function throws a CommError', () => {
      const thrown = new TypeError(`expected a number\n${'x'.repeat(1_000)}`);
      const error = errorOf(() =>
        jsonOf(jsonMessage(5), () => {
          throw thrown;
        }),
      );
      expect(error).toMatchObject({ code: CommErrorCode.BAD_DATA, cause: thrown });
      expect(error.message).toMatch(/^JSON: expected a number\\u000ax+\.\.\.$/);
    });

    it('refuses one that is asynchronous', () => {
      const late = () => Promise.reject(new Error('late'));
      expect(errorOf(() => jsonOf(jsonMessage(1), late)).code).toBe(CommErrorCode.BAD_CONFIG);
    });
  });

  it.each([null, 5, {}, 'x'])('refuses a validator that is none: %j', (validate) => {
    const read = () => jsonOf(jsonMessage(1), validate as unknown as StandardSchema<number>);
    expect(errorOf(read).code).toBe(CommErrorCode.BAD_CONFIG);
  });
});
