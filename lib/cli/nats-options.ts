import {
  type Authenticator,
  credsAuthenticator,
  nkeyAuthenticator,
  type NodeConnectionOptions,
} from '@nats-io/transport-node';

import { CommError, CommErrorCode } from '../comm-error.js';
import { checkCredentials } from '../flare/check-credentials.js';
import { readSmallFile } from '../flare/read-small-file.js';
import type { ClusterOptions } from './cluster-options.js';

/** Who we are for NATS. */
type Login = Pick<NodeConnectionOptions, 'authenticator' | 'user' | 'pass' | 'token'>;

/** What is to be known of a connection to NATS before it is made. */
export interface NatsTarget {
  readonly connection: NodeConnectionOptions;
  /** What will most likely fail, or is unsafe, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * The options of a connection to NATS. Secrets come from files, the environment, or the URL; the message of no error has
 * one.
 *
 * @param url - as in `--cluster`
 * @throws CommError `BAD_CONFIG` for what cannot be
 */
export function natsTarget(url: string, options: ClusterOptions): NatsTarget {
  const { natsCaCert: caCert, natsCert: cert, natsKey: key } = options;
  const { servers, isSecure, login } = readUrl(url);
  const warnings = checkCredentials({ caCert, cert, key });
  if ((cert === undefined) !== (key === undefined))
    throw refused('expected --nats-cert and --nats-key together');
  const tls = {
    ...(caCert === undefined ? {} : { caFile: caCert }),
    ...(cert === undefined || key === undefined ? {} : { certFile: cert, keyFile: key }),
  };
  const isTls = isSecure || Object.keys(tls).length > 0;
  return { connection: { servers, ...(isTls ? { tls } : {}), ...loginOf(options, login) }, warnings };
}

/** What a URL of NATS has beside its authority: a `/` or `#` in a password must be escaped. */
const NATS_URL = /^(nats|tls):\/?$/;

/** Whether a URL of NATS has a password or a token. */
export function hasSecret(url: string): boolean {
  return url.includes('@');
}

/** `nats://user:password@host:4222`, or a token in place of both; several with commas, with one login. */
function readUrl(text: string) {
  const urls = text.split(',').map((part) => {
    const url = URL.canParse(part.trim()) ? new URL(part.trim()) : undefined;
    if (
      url !== undefined &&
      NATS_URL.test(`${url.protocol}${url.pathname}${url.search}${url.hash}`) &&
      url.hostname !== ''
    )
      return url;
    // It may have a secret, and is not shown.
    throw refused('--cluster: expected nats://host:4222 or tls://host:4222, several with commas');
  });
  const [named] = urls.filter(({ username, password }) => username !== '' || password !== '');
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port === '' ? 4222 : port}`),
    isSecure: urls.some(({ protocol }) => protocol === 'tls:'),
    login: named && loginIn(named),
  };
}

function loginIn({ username, password }: URL): Login {
  const [user = '', pass = ''] = [username, password].map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw refused('--cluster: a % in a user or password must be written as %25');
    }
  });
  return pass === '' ? { token: user } : { user, pass };
}

function loginOf(options: ClusterOptions, inUrl: Login | undefined): Login {
  const { natsCreds, natsNkey, natsUser, natsPasswordFile, natsTokenFile } = options;
  const { NATS_PASSWORD, NATS_TOKEN } = process.env;
  const ways: Readonly<Record<string, (() => Login) | undefined>> = {
    'what --cluster has': inUrl && (() => inUrl),
    '--nats-creds':
      natsCreds === undefined
        ? undefined
        : () => signed(natsCreds, (text) => credsAuthenticator(bytesOf(text))),
    '--nats-nkey':
      natsNkey === undefined
        ? undefined
        : () => signed(natsNkey, (text) => nkeyAuthenticator(bytesOf(text.trim()))),
    '--nats-user':
      natsUser === undefined
        ? undefined
        : () => ({ user: natsUser, pass: secretOf(natsPasswordFile, NATS_PASSWORD) }),
    '--nats-token-file':
      natsTokenFile === undefined ? undefined : () => ({ token: secretOf(natsTokenFile, undefined) }),
  };
  const [first, second] = Object.entries(ways).filter(([, way]) => way !== undefined);
  if (first !== undefined && second !== undefined)
    throw refused(`expected one login for NATS, got ${first[0]} and ${second[0]}`);
  if (natsPasswordFile !== undefined && natsUser === undefined)
    throw refused('expected --nats-user with --nats-password-file');
  return first?.[1]?.() ?? (NATS_TOKEN === undefined || NATS_TOKEN === '' ? {} : { token: NATS_TOKEN });
}

/** The secret of a file, or of the environment. Editors end a file with a line break. */
function secretOf(path: string | undefined, variable: string | undefined): string {
  const secret = path === undefined ? variable : readSmallFile(path, 'utf8').replace(/\r?\n$/, '');
  if (secret !== undefined && secret !== '') return secret;
  throw refused(
    path === undefined
      ? 'expected the password of --nats-user in --nats-password-file, or in NATS_PASSWORD of the environment'
      : `${path} is empty: expected a secret`,
  );
}

/** Signs what the server asks with the key of a file, which is tried once, so that a file that is none is told as that. */
function signed(path: string, authenticatorOf: (text: string) => Authenticator): Login {
  const authenticator = authenticatorOf(readSmallFile(path, 'utf8'));
  try {
    authenticator('nonce');
  } catch {
    throw refused(`${path} is not what NATS takes: expected a file that nsc or nk has made`);
  }
  return { authenticator };
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function refused(message: string): CommError {
  return new CommError(CommErrorCode.BAD_CONFIG, message);
}
