import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { CommError } from '../../lib/comm-error.js';
import { FlareStatus } from '../../lib/flare/flare-error.js';
import { type JobFolder, type JobSource, readJob } from '../../lib/flare/job-folder.js';

/** A folder with these files, which is removed after the test. */
async function folderWith(files: Readonly<Record<string, string>>, name = 'job'): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'rxflare-jobs-'));
  onTestFinished(() => rm(parent, { recursive: true }));
  const root = join(parent, name);
  await mkdir(root);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

/** All files of a job with their texts, by their paths. */
async function textsOf({ name, files, folders }: JobFolder, parent = ''): Promise<Record<string, string>> {
  const path = `${parent}${name}/`;
  const texts: Record<string, string> = { [path]: '' };
  for (const file of files) texts[path + file.name] = Buffer.from(await file.read()).toString();
  for (const folder of folders) Object.assign(texts, await textsOf(folder, path));
  return texts;
}

const FILES = { 'meta.json': '{\n  "name": "job"\n}', 'app/config/a.json': 'a', 'app/custom/b.py': 'b' };

describe('readJob', () => {
  it('reads a folder and files in memory alike', async () => {
    const expected = {
      'job/': '',
      'job/meta.json': FILES['meta.json'],
      'job/app/': '',
      'job/app/config/': '',
      'job/app/config/a.json': 'a',
      'job/app/custom/': '',
      'job/app/custom/b.py': 'b',
    };
    const inMemory = {
      name: 'job',
      files: { ...FILES, 'meta.json': { name: 'job' }, 'app/custom/b.py': new Uint8Array([98]) },
    };
    expect(await textsOf(await readJob(await folderWith(FILES)))).toEqual(expected);
    expect(await textsOf(await readJob(inMemory))).toEqual(expected);
  });

  it('leaves the signatures of an earlier submission out, and takes empty folders', async () => {
    const folder = await folderWith({
      ...FILES,
      'app/.__nvfl_sig.json': '{}',
      '.__nvfl_submitter.crt': 'PEM',
    });
    await mkdir(join(folder, 'empty'));
    const job = await readJob(`${folder}/`);
    expect(Object.keys(await textsOf(job))).not.toContain('job/app/.__nvfl_sig.json');
    expect(job.files.map(({ name }) => name)).toEqual(['meta.json']);
    expect(job.folders.map(({ name }) => name)).toEqual(['app', 'empty']);
    const again = { ...FILES, 'app/.__nvfl_sig.json': '{}', '.__nvfl_submitter.crt': 'PEM' };
    expect(await textsOf(await readJob({ name: 'job', files: again }))).toEqual(
      await textsOf(await readJob({ name: 'job', files: FILES })),
    );
  });

  it.each(['meta.yml.default', 'meta.yaml.default'])('takes %s for the description', async (name) => {
    expect((await readJob({ name: 'job', files: { [name]: '' } })).files).toHaveLength(1);
  });

  const inMemory = (files: Record<string, unknown>): JobSource => ({
    name: 'job',
    files: { 'meta.json': '{}', ...(files as Record<string, string>) },
  });
  const manyFolders = Object.fromEntries(
    Array.from({ length: 200 }, (_, index) => [`${index}/${'a/'.repeat(60)}f`, '']),
  );
  it.each<[string, JobSource, RegExp]>([
    ['with shell characters in its name', { name: 'a b;rm -rf', files: FILES }, /letters, digits/],
    ['with a name that is an option', { name: '-d', files: FILES }, /begins with a letter/],
    ['without a meta.json', { name: 'job', files: { 'app/meta.json': '{}' } }, /no meta\.json/],
    ['with a file above it', inMemory({ '../up.txt': '' }), /"\.\.\/up\.txt"/],
    ['with an absolute path', inMemory({ '/etc/up.txt': '' }), /"\/etc\/up\.txt"/],
    ['with a backslash', inMemory({ 'app\\x.json': '' }), /give its path/],
    [
      'with a file and a folder of one name',
      inMemory({ app: '', 'app/x.json': '' }),
      /"app" .* a file and a folder/,
    ],
    ['of too many folders', inMemory(manyFolders), /more than 10000 files and folders/],
    ['of too many levels', inMemory({ [`${'a/'.repeat(30_000)}f`]: '' }), /deeper than 100 folders/],
    ['with what has no JSON', inMemory({ 'app/x.json': () => 1 }), /no form in JSON/],
  ])('refuses a job %s', async (_, source, message) => {
    const refused: unknown = await readJob(source).catch((error: unknown) => error);
    expect(refused).toMatchObject({ status: FlareStatus.INVALID_JOB });
    expect(refused).toHaveProperty('message', expect.stringMatching(message));
  });

  it('refuses links, and says what is not there', async () => {
    const folder = await folderWith(FILES);
    await symlink('/etc/hostname', join(folder, 'app', 'link.txt'));
    await expect(readJob(folder)).rejects.toMatchObject({
      status: FlareStatus.INVALID_JOB,
      message: expect.stringMatching(/link\.txt is a link.*put a copy/) as unknown,
    });
    const missing: unknown = await readJob(join(folder, 'none')).catch((error: unknown) => error);
    expect(missing).toBeInstanceOf(CommError);
    expect(missing).toMatchObject({
      code: 'BAD_CONFIG',
      message: expect.stringMatching(/none cannot be read/) as unknown,
    });
  });

  it('refuses a folder of too many files', async () => {
    const files = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`f${index}`, '']));
    await expect(readJob(inMemory(files))).rejects.toMatchObject({ status: FlareStatus.INVALID_JOB });
  });
});
