import { formatBytes } from '../shared/format';

/** More files are no job. */
const MAX_FILES = 10_000;

/** A file of a job. */
export interface JobFile {
  /** Beginning with the name of the folder. */
  readonly path: string;
  readonly file: File;
}

/** A folder that can be submitted. */
export interface JobFolder {
  readonly name: string;
  readonly files: readonly JobFile[];
  readonly bytes: number;
}

/** Reads what was dropped: one folder, of a size that is limited. Throws an error for people where it is something else. */
export async function droppedFolder(items: DataTransferItemList, maxBytes: number): Promise<JobFolder> {
  // The items are there only until the event has been handled.
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const [entry] = entries;
  if (entry === undefined || entries.length > 1 || !isDirectory(entry))
    throw new Error('Drop one folder: that of the job, which has its meta.json in it.');
  const files: JobFile[] = [];
  for await (const file of filesIn(entry)) {
    files.push(file);
    refuseMore(files.length);
  }
  return checked(files, maxBytes);
}

/** Reads what was chosen with a button: one folder, with all that is in it. Throws as {@link droppedFolder}. */
export function chosenFolder(list: FileList, maxBytes: number): JobFolder {
  refuseMore(list.length);
  const files = [...list].map((file) => ({ path: file.webkitRelativePath, file }));
  return checked(files, maxBytes);
}

function refuseMore(count: number): void {
  if (count > MAX_FILES) throw new Error(`The folder has more than ${MAX_FILES} files: is it a job?`);
}

function checked(files: readonly JobFile[], maxBytes: number): JobFolder {
  const name = files[0]?.path.split('/', 1)[0] ?? '';
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
  if (!files.some(({ path }) => METAS.some((meta) => path === `${name}/${meta}`)))
    throw new Error(
      `${name === '' ? 'The folder' : `“${name}”`} has no meta.json in it. Take the folder of the job itself, not the one around it.`,
    );
  if (bytes > maxBytes)
    throw new Error(
      `“${name}” has ${formatBytes(bytes)}, and a page takes ${formatBytes(maxBytes)} at most. Submit it with “rxflare flare submit”.`,
    );
  return { name, files, bytes };
}

/** What describes a job. Source: `JobMetaValidator` of `nvflare/private/fed/server/job_meta_validator.py`. */
const METAS = ['meta.json', 'meta.conf', 'meta.yml'];

async function* filesIn(directory: FileSystemDirectoryEntry, before = ''): AsyncGenerator<JobFile> {
  const path = `${before}${directory.name}/`;
  const reader = directory.createReader();
  for (;;) {
    // In parts of a hundred or so, until an empty one.
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (entries.length === 0) return;
    for (const entry of entries) {
      if (isDirectory(entry)) yield* filesIn(entry, path);
      else if (isFile(entry)) {
        const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
        yield { path: `${path}${entry.name}`, file };
      }
    }
  }
}

function isDirectory(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}
