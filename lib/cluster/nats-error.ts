import { causeCode, CommError, CommErrorCode, messageOf } from '../comm-error.js';

/** An error of NATS with what to do about it. The names are those of the classes of `@nats-io/nats-core` and `jetstream`. */
export function natsError(thrown: unknown, doing: string): CommError {
  if (thrown instanceof CommError) return thrown;
  const { name = '' } = thrown instanceof Error ? thrown : {};
  const text = messageOf(thrown);
  const cause = causeCode(new CommError(CommErrorCode.ERROR, text, { cause: thrown }));
  const [code, hint] = remedy(name, text, cause);
  // That has the URL, and what is secret in it.
  const details = cause === 'ERR_INVALID_URL' ? {} : { cause: thrown };
  return new CommError(code, `cluster: ${doing}: ${text}${hint}`, details);
}

function remedy(name: string, text: string, cause: string): [CommErrorCode, string] {
  const { NOT_READY, BAD_CONFIG, NOT_SUPPORTED, TIMEOUT, REFUSED } = CommErrorCode;
  if (name === 'JetStreamNotEnabled' || /jetstream is not enabled|jetstream not enabled/i.test(text))
    return [NOT_SUPPORTED, ': start nats-server with JetStream (-js), and let the account use it'];
  if (name === 'PermissionViolationError' || /permissions violation/i.test(text))
    return [REFUSED, ': let the user of NATS publish and subscribe what docs/cluster.md lists'];
  if (name === 'AuthorizationError' || name === 'UserAuthenticationExpiredError')
    return [REFUSED, ': check the credentials for NATS'];
  if (name === 'ClosedConnectionError' || name === 'DrainingConnectionError')
    return [NOT_READY, ': the connection to NATS is closed'];
  if (name === 'TimeoutError')
    return [
      TIMEOUT,
      ': NATS does not answer, as one does that wants a certificate and gets none that it trusts',
    ];
  if (name === 'InvalidArgumentError') return [BAD_CONFIG, ''];
  if (/insufficient (storage )?resources|resource limits exceeded|maximum bytes exceeded/i.test(text))
    return [NOT_READY, ': its JetStream has no room left: give it more, or delete what nobody needs'];
  if (/replicas > 1 not supported/i.test(text))
    return [BAD_CONFIG, ': storageReplicas needs a NATS cluster of as many servers'];
  if (text.includes("does not support 'tls'")) return [BAD_CONFIG, ': it has no TLS, so ask for none'];
  if (/^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|CERT_|ERR_TLS_CERT)/.test(cause))
    return [NOT_READY, ': check the CA certificate for NATS, and the name of its host'];
  return [NOT_READY, ': is nats-server there, and reachable?'];
}
