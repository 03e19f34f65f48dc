import type { JobFolder } from './job-folder.js';

/** Who signs a job; an `Identity` does. */
export interface Signer {
  /** PEM. */
  readonly certificate: Uint8Array;
  sign(content: Uint8Array | string): Uint8Array;
}

/**
 * What a folder of a job has as `SIGNATURE_FILE`: a signature of the content of each file, and of the name of each
 * folder. Server and sites verify them against `SUBMITTER_FILE`. Source: `sign_folders` of `nvflare/lighter/utils.py`.
 */
export async function signatureFile({ files, folders }: JobFolder, signer: Signer): Promise<Uint8Array> {
  const signatures = new Map<string, string>();
  // One after the other: a file is read whole to be signed.
  for (const file of files) signatures.set(file.name, base64(signer.sign(await file.read())));
  for (const { name } of folders) signatures.set(name, base64(signer.sign(name)));
  return new TextEncoder().encode(JSON.stringify(Object.fromEntries(signatures)));
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
