import { join } from 'node:path';

import ts from 'typescript';

import { type Block, ROOT, valueOf } from './blocks.js';

/** Checks blocks in one program, each as a module of its own, as if they were files of this package. */
export function typeErrors(blocks: readonly Block[]): string[] {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  const options: ts.CompilerOptions = {
    ...ts.parseJsonConfigFileContent(config, ts.sys, ROOT).options,
    moduleDetection: ts.ModuleDetectionKind.Force,
    // An example may name what it does not use.
    noUnusedLocals: false,
    noUnusedParameters: false,
    // A project of `ng new` has it.
    noPropertyAccessFromIndexSignature: true,
  };
  const files = new Map(
    blocks.map((block, index) => [join(ROOT, valueOf(block, 'file') ?? `block-${index}.ts`), block]),
  );
  const host = ts.createCompilerHost(options);
  const onDisk = { ...host };
  host.fileExists = (path) => files.has(path) || onDisk.fileExists(path);
  host.readFile = (path) => files.get(path)?.code ?? onDisk.readFile(path);
  host.directoryExists = (path) =>
    [...files.keys()].some((file) => file.startsWith(`${path}/`)) || ts.sys.directoryExists(path);
  host.getSourceFile = (path, version, ...rest) => {
    const block = files.get(path);
    return block === undefined
      ? onDisk.getSourceFile(path, version, ...rest)
      : ts.createSourceFile(path, block.code, version);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files].flatMap(([path, { place }]) => {
    const source = program.getSourceFile(path);
    if (source === undefined) return [`${place}: it is not in the program`];
    const [page = '', line = ''] = place.split(':');
    return ts.getPreEmitDiagnostics(program, source).map(({ start = 0, messageText }) => {
      const at = Number(line) + 1 + source.getLineAndCharacterOfPosition(start).line;
      return `${page}:${at}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
  });
}
