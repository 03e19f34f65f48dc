import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { CommError, CommErrorCode } from '../comm-error.js';
import type { ConnectionSecurity } from '../transport/driver.js';
import { adminKit, clientKit, type KitFacts, serverKit } from './kit-layouts.js';
import { readSmallFile } from './read-small-file.js';

/** Who a startup kit is made for. */
export type KitRole = 'client' | 'admin' | 'server';

/** What an NVFlare startup kit says about the connection of its owner. */
export interface StartupKit {
  readonly role: KitRole;
  /** The `startup` folder, as an absolute path. */
  readonly directory: string;
  /** The scheme of NVFlare's configuration, such as `grpc`: TLS is in `security`. */
  readonly scheme: string;
  /** Where the server is; of a server's kit the name by which clients reach it. */
  readonly host: string;
  readonly port: number;
  readonly security: ConnectionSecurity;
  /** Absolute paths of PEM files. */
  readonly caCert: string;
  readonly cert: string;
  readonly key: string;
  /** The common name that the certificate of the server must have; `undefined` in the server's own kit. */
  readonly serverIdentity: string | undefined;
  /** The name of the project. Absent where the kit does not say it: a server's, and a user's up to 2.6. */
  readonly project?: string | undefined;
  /** The user that a user's kit is for; absent where the certificate alone says it. */
  readonly user?: string | undefined;
  /** The name of a site with those of its parents; absent up to 2.7. */
  readonly fqsn?: string | undefined;
}

/** The file that tells each kind of kit, and how it is read. */
const LAYOUTS: Readonly<
  Record<KitRole, { readonly file: string; readonly read: (json: unknown) => KitFacts }>
> = {
  client: { file: 'fed_client.json', read: clientKit },
  admin: { file: 'fed_admin.json', read: adminKit },
  server: { file: 'fed_server.json', read: serverKit },
};

const ROLES = Object.keys(LAYOUTS) as KitRole[];

/**
 * Reads a startup kit of NVFlare 2.5 to 2.9. Whether the certificates in it are of use is another question, see
 * `checkCredentials`.
 *
 * @param path - the kit, its `startup` folder, or the JSON file in that
 * @throws CommError `BAD_CONFIG` where there is no kit, or one of no known layout
 */
export function readStartupKit(path: string): StartupKit {
  const { role, directory, file } = locate(resolve(path));
  const text = readSmallFile(file, 'utf8');
  try {
    const { caCert, cert, key, ...facts } = LAYOUTS[role].read(JSON.parse(text));
    const within = (name: string) => resolve(directory, name);
    return { role, directory, ...facts, caCert: within(caCert), cert: within(cert), key: within(key) };
  } catch (error) {
    if (error instanceof CommError) throw CommError.within(error, file);
    throw new CommError(CommErrorCode.BAD_CONFIG, `${file} is no JSON`, { cause: error });
  }
}

function locate(path: string): { role: KitRole; directory: string; file: string } {
  const directories = [path, join(path, 'startup'), dirname(path)];
  for (const directory of directories) {
    for (const role of ROLES) {
      const file = join(directory, LAYOUTS[role].file);
      if (existsSync(file) && (directory !== dirname(path) || file === path))
        return { role, directory, file };
    }
  }
  throw new CommError(CommErrorCode.BAD_CONFIG, `${path} ${problemOf(path)}: ${EXPECTED}`);
}

const EXPECTED =
  'give the folder of a site, user or server that "nvflare provision" made, or the startup folder in it';

function problemOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  const [client, admin, server] = ROLES.map((role) => LAYOUTS[role].file);
  if (stats === undefined) return 'is not there';
  if (stats.isFile()) return `is not ${client ?? ''}, ${admin ?? ''} or ${server ?? ''}`;
  return `is no startup kit, it has no ${client ?? ''}, ${admin ?? ''} or ${server ?? ''}`;
}
