import { CommError, CommErrorCode } from '../comm-error.js';

/**
 * Loads a package that only some programs need, so that the others need not install it.
 *
 * @param load - `() => import(name)`
 * @throws CommError `NOT_SUPPORTED` where it is not installed
 */
export async function loadOptional<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const text = `this needs the package ${name}, which is not installed: npm install ${name}`;
    throw new CommError(CommErrorCode.NOT_SUPPORTED, text, { cause });
  }
}
