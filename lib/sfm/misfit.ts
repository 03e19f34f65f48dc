import { CommError, CommErrorCode, type CommErrorDetail } from '../comm-error.js';
import type { Endpoint } from '../endpoint.js';
import { quoted } from '../quoted.js';
import type { ConnectionProperties } from '../transport/connection.js';
import { Mode } from '../transport/driver.js';
import { resolveIdentity } from './identity.js';
import type { SessionContext, SessionRole } from './session-context.js';

/** Why the peer's name does not go with ours or, under mtls, does not fit its certificate; `undefined` where it may come in. */
export function misfitOf(
  { name }: Endpoint,
  { peer_cn, peer_cert_hidden: isHidden }: ConnectionProperties,
  { mode, mtls }: SessionRole,
  { local, options }: SessionContext,
): CommError | undefined {
  if (name === local.name) return misfit(`the peer has our own name, ${name}`, 'own-name');
  if (!mtls || (mode === Mode.ACTIVE && isHidden === true)) return undefined;
  const expected = resolveIdentity(name, local.name, options.identityMap);
  if (peer_cn === expected) return undefined;
  const shown = peer_cn === undefined ? 'none with one common name' : `one for ${quoted(peer_cn)}`;
  const text = `endpoint ${name} needs a certificate for "${expected}", it showed ${shown}`;
  return misfit(text, 'certificate-name');
}

function misfit(text: string, detail: CommErrorDetail): CommError {
  return new CommError(CommErrorCode.BAD_DATA, text, { detail });
}
