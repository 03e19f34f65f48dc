import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A fenced block of a page. */
export interface Block {
  /** `docs/getting-started.md:12`. */
  readonly place: string;
  readonly language: string;
  /** The words behind the language: `run`, `with=hub`. */
  readonly words: readonly string[];
  readonly code: string;
  /** What the page says that it prints, from the `text output` behind it. */
  readonly output: string | undefined;
}

/** The README, its neighbours and the guides, by path. */
export const pages: ReadonlyMap<string, string> = new Map(
  ['.', 'docs']
    .flatMap((directory) => readdirSync(join(ROOT, directory)).map((name) => join(directory, name)))
    .filter((path) => path.endsWith('.md'))
    .map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]),
);

/** All blocks of all pages. */
export const blocks: readonly Block[] = [...pages].flatMap(([page, markdown]) => blocksOf(markdown, page));

/**
 * All blocks of a page. What a program prints is no block of its own.
 *
 * @throws Error where a fence has no language, is indented or has no end
 */
export function blocksOf(markdown: string, page: string): Block[] {
  const found = [...markdown.matchAll(/^```(\S+)([^\n]*)\n([^]*?)^```$/gm)];
  const fences = [...markdown.matchAll(/^[ \t]*(```|~~~)/gm)];
  if (fences.length !== 2 * found.length)
    throw new Error(
      `${page}: expected all code between "\`\`\`language" and "\`\`\`" at the beginning of lines`,
    );
  const blocks = found.map(({ 1: language = '', 2: rest = '', 3: code = '', index }): Block => {
    const words = rest.split(' ').filter((word) => word !== '');
    return { place: `${page}:${lineAt(markdown, index)}`, language, words, code, output: undefined };
  });
  return blocks.flatMap((block, index) => {
    if (isOutput(block) && isPlayed(blocks[index - 1])) return [];
    const next = blocks[index + 1];
    return isOutput(next) && isPlayed(block) ? [{ ...block, output: next.code }] : [block];
  });
}

/** Whether it is run as a program, for itself or beside others. */
export function isPlayed(block: Block | undefined): boolean {
  return block?.words.some((word) => /^(run|page|serve|serve=.+)$/.test(word)) === true;
}

/** Whether it goes on until it is asked to end. */
export function goesOn({ words }: Block): boolean {
  return !words.includes('run');
}

/** The value of a word such as `file=hub.ts`. */
export function valueOf({ words }: Block, key: 'file' | 'of' | 'serve' | 'with'): string | undefined {
  return words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
}

/** The page that a block is on. */
export function pageOf({ place }: Block): string {
  return place.slice(0, place.lastIndexOf(':'));
}

function isOutput(block: Block | undefined): block is Block {
  return block?.language === 'text' && block.words.join(' ') === 'output';
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
