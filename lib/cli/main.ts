#!/usr/bin/env node
import { CommanderError } from 'commander';

import { CommErrorCode } from '../comm-error.js';
import { ExitCode } from './exit-code.js';
import { tolerateOutputFailures } from './output-failure.js';
import { createProgram } from './program.js';

tolerateOutputFailures();
const program = createProgram();
try {
  await program.parseAsync();
} catch (error) {
  const { Printer } = await import('./printer.js');
  const printer = new Printer(process.argv.includes('--json'));
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
    if (error.message.startsWith('error: ')) printer.print(usageError(error));
  } else {
    const { printFailure } = await import('./failure.js');
    printFailure(printer, error);
  }
}

/** A typo gets one line; who wants the help asks for it. */
function usageError({ message }: CommanderError) {
  const [, ...words] = message.trim().split(/\s+/);
  const names = program.commands.map((command) => command.name());
  const name = process.argv.slice(2).find((word) => names.includes(word));
  const text = `${words.join(' ').replace(/\.$/, '')}; see rxflare ${name === undefined ? '' : `${name} `}--help`;
  return { event: 'error', code: CommErrorCode.BAD_CONFIG, message: text } as const;
}
