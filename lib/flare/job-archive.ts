import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

import type { ZipFile } from 'yazl';

import { CommError, CommErrorCode } from '../comm-error.js';
import { type JobFile, type JobFolder, SIGNATURE_FILE, SUBMITTER_FILE } from './job-folder.js';
import { signatureFile, type Signer } from './job-signature.js';
import { loadOptional } from './load-optional.js';

/**
 * Signs a job, and writes it to a zip file. Folders are entries of their own: a server finds no app without them. Files on a
 * disk are read twice, and never more than one is in memory.
 *
 * @param path - of the zip file, which must not be there
 * @returns its size in bytes
 * @throws CommError `BAD_CONFIG` where a file cannot be read or written, `NOT_SUPPORTED` without the package `yazl`
 */
export async function packJob(job: JobFolder, signer: Signer, path: string): Promise<number> {
  const { ZipFile } = await loadOptional('yazl', () => import('yazl'));
  const zip = new ZipFile();
  const output = createWriteStream(path, { flags: 'wx', mode: 0o600 });
  const failed = new Promise<never>((_, reject) => zip.once('error', reject));
  const written = pipeline(zip.outputStream, output);
  const added = addFolder(zip, job, '', signer).then(() => zip.end());
  try {
    await Promise.race([Promise.all([added, written]), failed]);
    return (await stat(path)).size;
  } catch (error) {
    output.destroy();
    await Promise.allSettled([added, written]);
    throw CommError.from(error, `job ${job.name} cannot be packed`, CommErrorCode.BAD_CONFIG);
  }
}

async function addFolder(zip: ZipFile, folder: JobFolder, parent: string, signer: Signer): Promise<void> {
  const path = `${parent}${folder.name}/`;
  zip.addEmptyDirectory(path);
  for (const file of folder.files) await addFile(zip, file, path);
  addBytes(zip, await signatureFile(folder, signer), path + SIGNATURE_FILE);
  addBytes(zip, signer.certificate, path + SUBMITTER_FILE);
  for (const each of folder.folders) await addFolder(zip, each, path, signer);
}

async function addFile(zip: ZipFile, file: JobFile, parent: string): Promise<void> {
  if (file.path === undefined) addBytes(zip, await file.read(), parent + file.name);
  else zip.addFile(file.path, parent + file.name);
}

function addBytes(zip: ZipFile, bytes: Uint8Array, path: string): void {
  zip.addBuffer(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), path);
}
