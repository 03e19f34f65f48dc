import { dirname, join } from 'node:path';

import { type Block, goesOn, isPlayed, pageOf, valueOf } from './blocks.js';

/** Blocks that run together: a program for itself, or one that serves, and those beside it in their order. */
export interface Scene {
  readonly place: string;
  readonly blocks: readonly Block[];
  /** What it takes that not every machine has. */
  readonly needs: 'python' | 'deployment' | 'chromium' | 'dashboard' | undefined;
}

const WORD = /^(run|page|serve|serve=\S+|with=\S+|file=\S+|of=\S+)$/;

/** What runs, and together with what. */
export function scenesOf(blocks: readonly Block[]): Scene[] {
  return blocks
    .filter((block) => isPlayed(block) && valueOf(block, 'with') === undefined)
    .map((block) => {
      const name = valueOf(block, 'serve');
      const beside = blocks.filter(
        (other) => name !== undefined && valueOf(other, 'with') === name && pageOf(other) === pageOf(block),
      );
      const all = [block, ...beside];
      return { place: all.map(({ place }) => place).join(' + '), blocks: all, needs: needsOf(all) };
    });
}

/**
 * What nothing would notice if it were wrong: each block that no scene, no spec and no program has a part in.
 *
 * @param elsewhere - code that another spec runs
 */
export function unproven(blocks: readonly Block[], elsewhere: Iterable<string>): string[] {
  const known = new Set(elsewhere);
  const played = scenesOf(blocks).flatMap((scene) => scene.blocks);
  const imported = importedBy(
    blocks.filter((block) => played.includes(block) || isSpec(block)),
    blocks,
  );
  const reasonOf = (block: Block): string | undefined => {
    const { language, words, code } = block;
    const strange = words.find((word) => !WORD.test(word));
    if (strange !== undefined) return `${strange} is no word that says how to run it`;
    if (language === 'text') return undefined;
    if (!['ts', 'python', 'sh'].includes(language)) return `nothing runs ${language}`;
    if (isPlayed(block))
      return played.includes(block) ? undefined : `nothing serves ${valueOf(block, 'with') ?? ''}`;
    if (isSpec(block) || imported.has(block) || valueOf(block, 'of') !== undefined) return undefined;
    return known.has(code.trim()) ? undefined : 'nothing runs or imports it';
  };
  const silent = scenesOf(blocks)
    .filter(({ blocks }) => blocks.every((block) => goesOn(block) && block.output === undefined))
    .map(({ place }) => `${place}: it goes on and shows nothing, so nobody can tell that it works`);
  const reasons = blocks.flatMap((block) => {
    const reason = reasonOf(block);
    return reason === undefined ? [] : [`${block.place}: ${reason}`];
  });
  return [...reasons, ...silent];
}

/** Whether it is a spec, which the spec of the guides imports. */
export function isSpec(block: Block): boolean {
  return valueOf(block, 'file')?.endsWith('.spec.ts') === true;
}

function needsOf(blocks: readonly Block[]): Scene['needs'] {
  if (blocks.some(({ code }) => code.includes('connectSession('))) return 'deployment';
  if (blocks.some(({ language, code }) => language === 'python' || code.includes('/python ')))
    return 'python';
  if (blocks.some(({ code }) => code.includes('--dashboard'))) return 'dashboard';
  return blocks.some(({ words }) => words.includes('page')) ? 'chromium' : undefined;
}

/** The blocks that these import, and those that they import in turn. */
function importedBy(roots: readonly Block[], blocks: readonly Block[]): ReadonlySet<Block> {
  const found = new Set(roots);
  for (const root of found) {
    const from = dirname(valueOf(root, 'file') ?? '');
    const paths = [...root.code.matchAll(/ from '(\.[^']+)\.js'/g)].map(({ 1: path = '' }) =>
      join(from, `${path}.ts`),
    );
    for (const block of blocks) if (paths.includes(valueOf(block, 'file') ?? '-')) found.add(block);
  }
  return found;
}
