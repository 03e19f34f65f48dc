import { CommError, CommErrorCode } from '../../comm-error.js';
import type { DriverParams } from '../../transport/driver.js';
import { describeParams } from '../../transport/url.js';
import { type Settings, tuningQuery } from './tuning.js';

/** The URL scheme of NVFlare's file driver. */
export const SHARED_FILE_SCHEME = 'shared-file';

/** What no path may have: the first two end a URL's path, the others are dropped by Python's URL parser. */
const FORBIDDEN = /[?#\n\r\t]/;

/**
 * The directory of a connector, from `shared-file://0/absolute/dir?...` or, where there is no URL, from `path`.
 * Nothing in it is decoded or normalised, since NVFlare (`parse_file_url`) takes it literally: `%20` in the URL is
 * a directory with `%20` in its name, and a blank is a blank.
 *
 * @throws CommError `BAD_CONFIG` where there is no absolute path, an authority other than `0`, or a character that
 * would mean another directory elsewhere
 */
export function requireDirectory(params: DriverParams): string {
  const path = (params.url === undefined ? params.path : pathOf(params.url, params))?.replace(/\/+$/, '');
  if (path?.startsWith('/') !== true)
    throw badUrl(params, `expected an absolute directory, got ${JSON.stringify(path ?? '')}`);
  return requireCleanPath(path, describeParams(params));
}

/** `shared-file://0/dir`, with the settings among `params` in the query. */
export function formatFileUrl(directory: string, params: Settings): string {
  return `${SHARED_FILE_SCHEME}://0${directory}${tuningQuery(params)}`;
}

/**
 * Refuses a path that has no URL.
 *
 * @throws CommError `BAD_CONFIG`
 */
export function requireCleanPath(path: string, context: string): string {
  const [found] = FORBIDDEN.exec(path) ?? [];
  if (found === undefined) return path;
  throw new CommError(
    CommErrorCode.BAD_CONFIG,
    `${context}: a directory with ${JSON.stringify(found)} in its path has no ${SHARED_FILE_SCHEME} URL`,
  );
}

function pathOf(url: string, params: DriverParams): string {
  const [, scheme = '', authority = '', rest = ''] = /^([a-z0-9+.-]*):\/\/([^/?#]*)([^]*)$/i.exec(url) ?? [];
  if (scheme.toLowerCase() !== SHARED_FILE_SCHEME)
    throw badUrl(params, `expected ${SHARED_FILE_SCHEME}://0/absolute/dir`);
  if (authority !== '0') {
    throw badUrl(
      params,
      `expected the authority 0, as in ${SHARED_FILE_SCHEME}://0/absolute/dir, got ${JSON.stringify(authority)}`,
    );
  }
  if (rest.includes('#')) throw badUrl(params, 'a path cannot have "#" in it');
  return rest.split('?', 1)[0] ?? '';
}

function badUrl(params: DriverParams, detail: string): CommError {
  return new CommError(CommErrorCode.BAD_CONFIG, `${JSON.stringify(describeParams(params))}: ${detail}`);
}
