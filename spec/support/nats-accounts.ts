import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { nkeys } from '@nats-io/transport-node';

type KeyPair = ReturnType<typeof nkeys.createUser>;

/** Files for a server of NATS that trusts an operator, and for a user of its account. */
export interface NatsAccount {
  /** Settings of the server, beside those of its command line. */
  readonly config: string;
  readonly creds: string;
}

/** Makes an operator, its own account, one that may use JetStream, and a user of that, as `nsc` does. */
export async function natsAccount(directory: string): Promise<NatsAccount> {
  const [operator, user] = [nkeys.createOperator(), nkeys.createUser()];
  const [account, system] = [nkeys.createAccount(), nkeys.createAccount()];
  const limits = {
    subs: -1,
    conn: -1,
    leaf: -1,
    imports: -1,
    exports: -1,
    data: -1,
    payload: -1,
    wildcards: true,
  };
  const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const accountJwt = jwt(operator, account, 'account', { limits: { ...limits, ...storage } });
  const systemJwt = jwt(operator, system, 'account', { limits });
  const lines = [
    `operator: ${jwt(operator, operator, 'operator', {})}`,
    'resolver: MEMORY',
    `system_account: ${system.getPublicKey()}`,
    `resolver_preload: { ${account.getPublicKey()}: ${accountJwt}, ${system.getPublicKey()}: ${systemJwt} }`,
  ];
  const userJwt = jwt(account, user, 'user', { subs: -1, data: -1, payload: -1 });
  const seed = new TextDecoder().decode(user.getSeed());
  const creds = [...block('NATS USER JWT', userJwt), ...block('USER NKEY SEED', seed)];
  const paths = { config: join(directory, 'accounts.conf'), creds: join(directory, 'user.creds') };
  await writeFile(paths.config, lines.join('\n'));
  await writeFile(paths.creds, creds.join('\n'));
  return paths;
}

/** The file of a user that has a key and no account, and settings of a server that knows it. */
export async function natsKey(
  directory: string,
): Promise<{ readonly config: string; readonly nkey: string }> {
  const user = nkeys.createUser();
  const paths = { config: join(directory, 'keys.conf'), nkey: join(directory, 'user.nk') };
  await writeFile(paths.config, `authorization { users: [ { nkey: "${user.getPublicKey()}" } ] }`);
  await writeFile(paths.nkey, `${new TextDecoder().decode(user.getSeed())}\n`);
  return paths;
}

function jwt(issuer: KeyPair, subject: KeyPair, type: string, claims: object): string {
  const head = { typ: 'JWT', alg: 'ed25519-nkey' };
  const sub = subject.getPublicKey();
  const iat = Math.floor(Date.now() / 1_000);
  const body = {
    jti: sub,
    iat,
    iss: issuer.getPublicKey(),
    name: type,
    sub,
    nats: { ...claims, type, version: 2 },
  };
  const signed = [head, body]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = issuer.sign(new TextEncoder().encode(signed));
  return `${signed}.${Buffer.from(signature).toString('base64url')}`;
}

function block(title: string, text: string): readonly string[] {
  return [`-----BEGIN ${title}-----`, text, `------END ${title}------`, ''];
}
