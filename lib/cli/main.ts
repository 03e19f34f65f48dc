#!/usr/bin/env node
import { type Command, CommanderError } from 'commander';

import { CommErrorCode } from '../comm-error.js';
import { ExitCode } from './exit-code.js';
import { tolerateOutputFailures } from './output-failure.js';
import { createProgram } from './program.js';
import { isWorker, outliveSignals } from './worker.js';

tolerateOutputFailures();
outliveSignals();
const program = createProgram();
try {
  await program.parseAsync();
} catch (error) {
  const { Printer } = await import('./printer.js');
  const printer = new Printer(process.argv.includes('--json'));
  if (error instanceof CommanderError) {
    // The output may have failed meanwhile.
    process.exitCode ??= error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
    if (error.message.startsWith('error: ')) printer.print(usageError(error));
  } else {
    const { printFailure } = await import('./failure.js');
    printFailure(printer, error);
  }
}
if (isWorker()) {
  const { leaveWorkers } = await import('./workers.js');
  leaveWorkers();
}

/** A typo gets one line; who wants the help asks for it. */
function usageError({ message }: CommanderError) {
  const [, ...words] = message.trim().split(/\s+/);
  const text = `${words.join(' ').replace(/\.$/, '')}; see ${['rxflare', ...commandsIn(program)].join(' ')} --help`;
  return { event: 'error', code: CommErrorCode.BAD_CONFIG, message: text } as const;
}

/** The command that was given, and within a group that of the group. */
function commandsIn(parent: Command, words = process.argv.slice(2)): readonly string[] {
  const at = words.findIndex((word) => parent.commands.some((command) => command.name() === word));
  const command = parent.commands.find((each) => each.name() === words[at]);
  return command === undefined ? [] : [command.name(), ...commandsIn(command, words.slice(at + 1))];
}
