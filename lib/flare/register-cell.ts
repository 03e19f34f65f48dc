import { randomUUID, type X509Certificate } from 'node:crypto';

import { isMatching, P } from 'ts-pattern';
import { catchError, defer, map, type Observable, switchMap } from 'rxjs';

import type { Cell } from '../cellnet/cell.js';
import { CellError } from '../cellnet/cell-error.js';
import { ReturnCode } from '../cellnet/return-code.js';
import { type FobsValue, pyDict, PyObject } from '../fobs/value.js';
import { messageOf } from '../comm-error.js';
import type { MessageHeaders } from '../message.js';
import { quoted } from '../quoted.js';
import { commonNameOf, isSignedBy, MAX_CHAIN, parseCertificates } from './check-credentials.js';
import { FlareError, FlareStatus } from './flare-error.js';
import { type Identity, isSignedWith } from './identity.js';

/** The cell that all log in at. Source: `FQCN.ROOT_SERVER` of `nvflare/fuel/f3/cellnet/fqcn.py`. */
export const SERVER = 'server';

/** Source: `CellChannel` and `CellChannelTopic` of `nvflare/private/defs.py`. */
const CHANNEL = 'task';
const CHALLENGE = 'challenge';
const REGISTER = 'register';

/** The class of most payloads. */
export const SHAREABLE = 'nvflare.apis.shareable.Shareable';

/** Source: `private_defs.FEDERATION_PROTOCOL_VERSION` and the newest version that this was proved with. */
const PROTOCOL_VERSION = 1;
const NVFLARE_VERSION = '2.9.0';

/** What an extended key usage must have, where the certificate has any: `SERVER_AUTH`. */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

/** Who logs in where. */
export interface CellLogin {
  readonly identity: Identity;
  readonly type: 'admin' | 'regular';
  readonly project: string;
  /** The common name that the server must prove. */
  readonly serverIdentity: string;
  readonly authorities: readonly X509Certificate[];
  /** The time, in milliseconds since 1970. */
  readonly now: number;
}

/** What the server of a cell has given. */
export interface Registration {
  /** What every message has from now on; it is a secret. */
  readonly headers: MessageHeaders;
  /** NVFlare 2.9 and later say it. */
  readonly serverVersion: string | undefined;
}

/**
 * The login of a cell: a challenge, in which the server proves who it is, and a registration, in which we do. Source:
 * `Authenticator` of `nvflare/private/fed/authenticator.py`. From the next message on the cell presents what it was given.
 *
 * Cold; emits once. Errors with FlareError `wrong_server` where the server proves nothing, or another name, `login_refused`
 * where it gives no token, and CellError as `Cell.request` does.
 */
export function registerCell(cell: Cell, login: CellLogin): Observable<Registration> {
  const { identity, project, type } = login;
  // Each try has its own, so that no answer fits twice.
  const proven$ = defer(() => {
    const nonce = randomUUID();
    const headers = { cn: identity.name, nonce };
    return cell
      .request(SERVER, CHANNEL, CHALLENGE, undefined, { headers })
      .pipe(map(({ payload }) => provenServer(payload, nonce, login)));
  });
  return proven$.pipe(
    switchMap(({ server, serverNonce }) => {
      const headers = {
        client_name: identity.name,
        client_type: type,
        client_ip: '127.0.0.1',
        project_name: project,
        federation_protocol_version: PROTOCOL_VERSION,
        nvflare_version: NVFLARE_VERSION,
      };
      const proof = registration(identity, serverNonce);
      return cell.request(SERVER, CHANNEL, REGISTER, proof, { headers }).pipe(
        catchError((error: unknown) => {
          throw refusedLogin(error) ?? error;
        }),
        map(({ payload }) => registered(payload, server, login)),
      );
    }),
    map((given) => {
      cell.present(given.headers);
      return given;
    }),
  );
}

const isChallenge = isMatching({
  nonce: P.string,
  cn: P.string,
  cert: P.instanceOf(Uint8Array),
  signature: P.instanceOf(Uint8Array),
});

/** @throws FlareError where the other side does not prove all of what makes it the server of the kit */
function provenServer(
  payload: FobsValue,
  nonce: string,
  { serverIdentity, authorities, now }: CellLogin,
): { readonly server: X509Certificate; readonly serverNonce: string } {
  const answer = payload instanceof PyObject ? payload.data : payload;
  if (!isChallenge(answer)) throw wrongServer('does not answer the challenge');
  const [server, ...chain] = certificatesOf(answer.cert);
  if (server === undefined || !isSignedBy(server, chain, authorities))
    throw wrongServer('shows a certificate that the project of this kit did not issue');
  const other = [answer.cn, commonNameOf(server) ?? ''].find((name) => name !== serverIdentity);
  if (other !== undefined)
    throw wrongServer(`is ${quoted(other)}, and the kit expects ${quoted(serverIdentity)}`);
  // The types of Node know of no certificate without it.
  const { keyUsage } = server as { readonly keyUsage?: readonly string[] };
  if (keyUsage?.includes(SERVER_AUTH) === false)
    throw wrongServer('shows a certificate that is none of a server');
  if (!isSignedWith(server, answer.cn + nonce, answer.signature))
    throw wrongServer('does not have the key of its certificate');
  if (now > Date.parse(server.validTo)) throw expired(`the certificate of the server ${serverIdentity}`);
  return { server, serverNonce: answer.nonce };
}

function certificatesOf(pem: Uint8Array): X509Certificate[] {
  try {
    return parseCertificates(Buffer.from(pem).toString('latin1'), 'the server', MAX_CHAIN);
  } catch (cause) {
    throw new FlareError(FlareStatus.WRONG_SERVER, messageOf(cause), { cause });
  }
}

/** The context of the sender of a Shareable, for its headers: `check_status` and the like read it. */
export function peerContext(name: string): { readonly __peer_ctx__: PyObject } {
  const context = { __identity_name__: { value: name, mask: 0 } };
  const decomposer = 'nvflare.apis.utils.decomposers.flare_decomposers.ContextDecomposer';
  return { __peer_ctx__: new PyObject(FL_CONTEXT, [null, context], decomposer) };
}

/** Source: `Authenticator.authenticate`. */
function registration(identity: Identity, serverNonce: string): FobsValue {
  return pyDict(SHAREABLE, {
    __headers__: peerContext(identity.name),
    cert: identity.certificate,
    signature: identity.sign(identity.name + serverNonce),
    cn: identity.name,
  });
}

const FL_CONTEXT = 'nvflare.apis.fl_context.FLContext';

const isRegistered = isMatching({
  __token__: P.string.minLength(1),
  __token_signature__: P.string.minLength(1),
  ssid: P.string,
  nvflare_version: P.optional(P.union(P.nullish, P.string)),
});

/** A server that refuses answers with success, and without a token. */
function registered(payload: FobsValue, server: X509Certificate, { identity }: CellLogin): Registration {
  if (!isRegistered(payload)) {
    const text = `the server does not register ${identity.name}, and says nothing of why`;
    throw new FlareError(FlareStatus.LOGIN_REFUSED, text);
  }
  const { __token__: token, __token_signature__: signature, ssid, nvflare_version: version } = payload;
  if (!isSignedWith(server, identity.name + token, Buffer.from(signature, 'base64')))
    throw wrongServer('gives a token that it did not sign');
  return {
    headers: { client_name: identity.name, __token__: token, __token_signature__: signature, ssid },
    serverVersion: version ?? undefined,
  };
}

/** Whether a server refused a login without a word, as one does that is not ready. */
export function isSilentRefusal(error: unknown): boolean {
  return (
    error instanceof FlareError && error.status === FlareStatus.LOGIN_REFUSED && error.reason === undefined
  );
}

/** Where the server says why, such as for the user of another project. */
function refusedLogin(error: unknown): FlareError | undefined {
  if (!(error instanceof CellError) || error.returnCode !== ReturnCode.UNAUTHENTICATED) return undefined;
  const { message, reason = ReturnCode.UNAUTHENTICATED } = error;
  return new FlareError(FlareStatus.LOGIN_REFUSED, message, { cause: error, reason });
}

function wrongServer(problem: string): FlareError {
  return new FlareError(FlareStatus.WRONG_SERVER, `the server ${problem}`);
}

function expired(what: string): FlareError {
  return new FlareError(FlareStatus.CERTIFICATE_EXPIRED, `${what} is out of date`);
}
