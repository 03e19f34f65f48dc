import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { Identity, isSignedWith } from '../../lib/flare/identity.js';
import { packJob } from '../../lib/flare/job-archive.js';
import { type JobFolder, readJob } from '../../lib/flare/job-folder.js';
import { EXTRACT_DEFAULTS, extractZip, roomFor } from '../../lib/flare/zip-extract.js';
import { readCertificates } from '../../lib/flare/check-credentials.js';
import { testCertificates } from '../support/certificates.js';
import { entriesOf } from './zip-files.js';

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rxflare-archive-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

describe('packJob', () => {
  it('signs each folder, and packs folders as entries of their own', async () => {
    const { site1 } = await testCertificates();
    const identity = new Identity(site1.cert, site1.key);
    const folder = await temporary();
    const onDisk = await readJob({
      name: 'job',
      files: { 'meta.json': '{}', ['__proto__']: 'p', 'app/config/a.json': 'a'.repeat(100_000) },
    });
    const zip = join(folder, 'job.zip');
    const size = await packJob(onDisk, identity, zip);
    expect((await readFile(zip)).length).toBe(size);
    expect(await entriesOf(zip)).toEqual([
      'job/',
      'job/meta.json',
      'job/__proto__',
      'job/.__nvfl_sig.json',
      'job/.__nvfl_submitter.crt',
      'job/app/',
      'job/app/.__nvfl_sig.json',
      'job/app/.__nvfl_submitter.crt',
      'job/app/config/',
      'job/app/config/a.json',
      'job/app/config/.__nvfl_sig.json',
      'job/app/config/.__nvfl_submitter.crt',
    ]);
    await extractZip(zip, join(folder, 'out'), roomFor(1, EXTRACT_DEFAULTS), new AbortController().signal);
    const at = (path: string): Promise<Buffer> => readFile(join(folder, 'out', path));
    const [certificate] = readCertificates(join(folder, 'out', 'job/app/.__nvfl_submitter.crt'));
    const isSigned = async (folder: string, name: string, content: Uint8Array | string): Promise<boolean> => {
      const signatures = JSON.parse((await at(`${folder}/.__nvfl_sig.json`)).toString()) as Record<
        string,
        string
      >;
      const signature = Buffer.from(signatures[name] ?? '', 'base64');
      return certificate !== undefined && isSignedWith(certificate, content, signature);
    };
    expect(await isSigned('job', 'meta.json', '{}')).toBe(true);
    expect(await isSigned('job', '__proto__', 'p')).toBe(true);
    expect(await isSigned('job', 'app', 'app')).toBe(true);
    expect(await isSigned('job/app', 'config', 'config')).toBe(true);
    expect(await isSigned('job/app/config', 'a.json', await at('job/app/config/a.json'))).toBe(true);
  });

  it('fails when a file is gone by then, and leaves no stream open', async () => {
    const { site1 } = await testCertificates();
    const identity = new Identity(site1.cert, site1.key);
    const folder = await temporary();
    const path = join(folder, 'gone.txt');
    const read = (): Promise<Uint8Array> => Promise.resolve(new Uint8Array(3));
    const job: JobFolder = { name: 'job', folders: [], files: [{ name: 'gone.txt', path, size: 3, read }] };
    await expect(packJob(job, identity, join(folder, 'job.zip'))).rejects.toMatchObject({
      code: 'BAD_CONFIG',
    });
    await writeFile(join(folder, 'there.zip'), '');
    await expect(packJob(job, identity, join(folder, 'there.zip'))).rejects.toMatchObject({
      code: 'BAD_CONFIG',
    });
  });
});
