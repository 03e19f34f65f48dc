import { type FobsValue, NdArray, PyFloat, PyObject, RemoteItem } from '../fobs/index.js';
import { isBytes } from '../is-bytes.js';
import { printable } from './printable.js';
import { sizeText, textOfPayload } from './text-of-payload.js';

/** A payload as what JSON has; bytes stay as they are, for the printer. */
export function plainOf(value: FobsValue): unknown {
  if (typeof value !== 'object' || value === null || isBytes(value)) return value ?? null;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof PyFloat) return value.value;
  if (value instanceof NdArray) return { dtype: value.dtype, shape: value.shape };
  if (value instanceof PyObject) return { type: value.type, data: plainOf(value.data) };
  if (value instanceof RemoteItem) return { fqcn: value.fqcn, refId: value.refId, itemId: value.itemId };
  if (value instanceof Set) return [...value].map(plainOf);
  if (value instanceof Map) return plainMap(value);
  if (Array.isArray(value)) return (value as readonly FobsValue[]).map(plainOf);
  return Object.fromEntries(
    Object.entries(value as Record<string, FobsValue>).map(([key, each]) => [key, plainOf(each)]),
  );
}

/** A payload in one line for people: a text as it is, bytes that are text too, and all else as JSON. */
export function valueText(value: unknown): string {
  if (isBytes(value)) {
    const text = textOfPayload(value)?.trimEnd();
    return text === undefined ? `(${sizeText(value.length)} of binary data)` : printable(text);
  }
  if (value === null) return '(empty)';
  return typeof value === 'string' ? value : JSON.stringify(value, plainInText);
}

/** A map whose keys are texts is an object, any other a list of pairs. */
function plainMap(map: ReadonlyMap<FobsValue, FobsValue>): unknown {
  const entries = [...map].map(([key, each]) => [plainOf(key), plainOf(each)] as const);
  return entries.every(isNamed) ? Object.fromEntries(entries) : entries;
}

function isNamed(entry: readonly [unknown, unknown]): entry is readonly [string, unknown] {
  return typeof entry[0] === 'string';
}

function plainInText(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return isBytes(value) ? valueText(value) : value;
}
