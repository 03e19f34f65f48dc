import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

import type { CertificatePair } from './certificates.js';

/** What a kit of {@link makeKit} holds. */
export interface KitContent {
  /** `fed_client.json`, for example, and what is in it. */
  readonly file: string;
  readonly json: unknown;
  readonly ca: string;
  /** Copied to `own.crt` and `own.key`. */
  readonly pair: CertificatePair;
}

/** A startup kit as `nvflare provision` lays it out, in a folder that is removed after the test. */
export function makeKit({ file, json, ca, pair }: KitContent): string {
  const directory = mkdtempSync(join(tmpdir(), 'rxflare-kit-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const startup = join(directory, 'startup');
  mkdirSync(startup);
  writeFileSync(join(startup, file), JSON.stringify(json));
  copyFileSync(ca, join(startup, 'rootCA.pem'));
  copyFileSync(pair.cert, join(startup, 'own.crt'));
  copyFileSync(pair.key, join(startup, 'own.key'));
  return directory;
}

/** The files of a kit of {@link makeKit}, under the names of `fed_client.json` and `fed_server.json`. */
export const KIT_FILES = { ssl_root_cert: 'rootCA.pem', ssl_cert: 'own.crt', ssl_private_key: 'own.key' };
