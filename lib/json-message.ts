import { CommError, CommErrorCode, messageOf } from './comm-error.js';
import { type Message, type MessageHeaders, textMessage } from './message.js';
import { oneLine } from './quoted.js';
import { readJson, requireShallow } from './read-json.js';
import { conform, isSchema, requireSync, type StandardSchema } from './standard-schema.js';

/** What `jsonOf` parses: 1 MiB. */
const MAX_JSON_BYTES = 1_048_576;

/**
 * A message whose payload is `value` as JSON in UTF-8.
 *
 * JSON has no form for some values: it leaves out fields that are `undefined` or functions, makes `NaN` to `null` and
 * a `Date` to a text.
 *
 * @throws CommError `BAD_DATA` for a value without any form (`undefined`, a function), one that contains a `bigint` or
 * itself, and one nested deeper than 32 levels, which `jsonOf` refuses
 */
export function jsonMessage(value: unknown, headers?: MessageHeaders): Message {
  const json = stringify(value);
  if (json === undefined)
    throw new CommError(CommErrorCode.BAD_DATA, `jsonMessage: JSON has no form for ${typeof value}`);
  const message = textMessage(json, headers);
  if (message.payload !== undefined) requireShallow(message.payload);
  return message;
}

/**
 * The JSON in the payload of a message, checked. Made for what strangers send: size and depth are looked at before
 * anything is decoded, and no error quotes the payload.
 *
 * `validate` is a schema of Zod, Valibot, ArkType or any other library that implements
 * [Standard Schema](https://standardschema.dev), or a function that returns the value or throws. It is synchronous, so
 * that messages stay in order; check what takes time afterwards. What it returns is the result, so it may transform.
 *
 * @param maxBytes - the largest payload to parse, in bytes. Default: 1,048,576
 * @throws CommError
 * - `BAD_DATA` for a payload that is larger, is no JSON (an absent one among them), is nested deeper than 32 levels,
 *   or is refused by `validate`; then with the path of the first issue and its text, which is that of the validator,
 *   cut after 100 characters
 * - `BAD_CONFIG` where `validate` is neither a schema nor a function, or is asynchronous
 *
 * @example
 * ```ts
 * const celsiusOf = (value: unknown): number => {
 *   if (typeof value === 'number') return value;
 *   throw new TypeError('expected a number');
 * };
 * hub.registerMessageReceiver(70, ({ message }) => console.log(jsonOf(message, celsiusOf)));
 * site.send(site.localEndpoint, 70, jsonMessage(21.5));
 * ```
 */
export function jsonOf<T>(message: Message, validate: StandardSchema<T>, maxBytes?: number): T;
export function jsonOf<R>(message: Message, validate: (value: unknown) => R, maxBytes?: number): R;
export function jsonOf(message: Message, validate?: undefined, maxBytes?: number): unknown;
export function jsonOf(message: Message, validate?: unknown, maxBytes = MAX_JSON_BYTES): unknown {
  const value = readJson(message, maxBytes);
  if (validate === undefined) return value;
  if (isSchema(validate)) return conform(value, validate);
  if (typeof validate === 'function') return check(value, validate as (value: unknown) => unknown);
  throw new CommError(
    CommErrorCode.BAD_CONFIG,
    `jsonOf: expected a Standard Schema or a function, got ${validate === null ? 'null' : typeof validate}`,
  );
}

/** `undefined` for a value without any form in JSON, which the types of `JSON.stringify` do not say. */
function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw refusal('jsonMessage', error);
  }
}

function check(value: unknown, validate: (value: unknown) => unknown): unknown {
  let result: unknown;
  try {
    result = validate(value);
  } catch (error) {
    throw refusal('JSON', error);
  }
  return requireSync(result);
}

function refusal(context: string, thrown: unknown): CommError {
  const detail = `${context}: ${oneLine(messageOf(thrown))}`;
  return new CommError(CommErrorCode.BAD_DATA, detail, { cause: thrown });
}
