import { CommError, CommErrorCode } from '../../comm-error.js';
import type { DriverParams } from '../../transport/driver.js';
import { describeParams, formatUrl, hostToConnect, needsTls } from '../../transport/url.js';

/** The schemes of both WebSocket drivers. NVFlare knows `http` and `https`, and `ws` and `wss` up to 2.5. */
export const WEBSOCKET_SCHEMES = ['http', 'https', 'ws', 'wss'] as const;

/** Where NVFlare listens from 2.6 on. Earlier versions accept any path. */
export const DEFAULT_PATH = '/f3';

/**
 * The `ws://` or `wss://` URL that an active side requests. Default path: `/f3`. The query is omitted, since it carries
 * connector parameters.
 *
 * @throws CommError `BAD_CONFIG` for an invalid port
 */
export function webSocketUrl(params: DriverParams): string {
  const isSecure = needsTls(params);
  const host = hostToConnect(params);
  // Untyped code may pass a port as text.
  const port = Number(String(params.port ?? (isSecure ? 443 : 80)));
  if (!Number.isInteger(port) || port < 1 || port > 0xffff) {
    const detail = `expected a port from 1 to 65535, got ${String(params.port)}`;
    throw new CommError(CommErrorCode.BAD_CONFIG, `${describeParams(params)}: ${detail}`);
  }
  return formatUrl(isSecure ? 'wss' : 'ws', host, port, customPath(params) ?? DEFAULT_PATH);
}

/** The path of a URL, encoded for HTTP; `undefined` if it has none. */
export function customPath({ path = '' }: DriverParams): string | undefined {
  return path === '' || path === '/' ? undefined : new URL(`http://host${path}`).pathname;
}
