import { CommError, CommErrorCode } from './comm-error.js';
import { oneLine, quoted } from './quoted.js';

/**
 * A schema of any library that implements [Standard Schema](https://standardschema.dev), such as Zod, Valibot and
 * ArkType: the part of that interface that is used here.
 */
export interface StandardSchema<T> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    /** Checks a value, and may transform it. A promise is refused. */
    readonly validate: (value: unknown) =>
      | { readonly value: T; readonly issues?: undefined }
      | {
          readonly issues: readonly {
            readonly message: string;
            readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
          }[];
        }
      | Promise<unknown>;
  };
}

type Result = Exclude<ReturnType<StandardSchema<unknown>['~standard']['validate']>, Promise<unknown>>;
type Issue = NonNullable<Result['issues']>[number];

/** Longer keys are quoted, and cut. */
const PLAIN_KEY = /^[A-Za-z_$][\w$]{0,63}$/;

/** Whether a value is such a schema. Those of ArkType are functions. */
export function isSchema(value: unknown): value is StandardSchema<unknown> {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && '~standard' in value;
}

/**
 * The value as a schema returns it.
 *
 * @throws CommError `BAD_DATA` with path and text of the first issue, `BAD_CONFIG` where the schema answers later
 */
export function conform<T>(value: unknown, { '~standard': standard }: StandardSchema<T>): T {
  const result = requireSync(standard.validate(value));
  if (result.issues === undefined) return result.value;
  const [issue] = result.issues;
  const text = oneLine(issue?.message ?? 'refused by the schema');
  throw new CommError(CommErrorCode.BAD_DATA, `JSON${pathOf(issue)}: ${text}`);
}

/**
 * What a validator returned.
 *
 * @throws CommError `BAD_CONFIG` for a promise, of which nobody hears any more
 */
export function requireSync<T>(result: T): Exclude<T, Promise<unknown>> {
  if (!(result instanceof Promise)) return result as Exclude<T, Promise<unknown>>;
  result.catch(() => undefined);
  throw new CommError(CommErrorCode.BAD_CONFIG, 'jsonOf: the validator is asynchronous, expected a result');
}

function pathOf(issue: Issue | undefined): string {
  const path = (issue?.path ?? []).map((step) => {
    const key = typeof step === 'object' ? step.key : step;
    if (typeof key === 'number') return `[${key}]`;
    const name = String(key);
    return PLAIN_KEY.test(name) ? `.${name}` : `[${quoted(name)}]`;
  });
  return path.length === 0 ? '' : ` at ${path.join('').replace(/^\./, '')}`;
}
