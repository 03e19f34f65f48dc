import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';

import { createProgram } from '../../lib/cli/program.js';

/** All commands, groups before theirs. */
function commandsOf(program: Command): Command[] {
  return program.commands.flatMap((command) => [command, ...commandsOf(command)]);
}

/** The commands with the text that `--help` prints. */
function helps(): readonly { readonly name: string; readonly help: string }[] {
  return commandsOf(createProgram()).map((command) => {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    return { name: command.name(), help };
  });
}

/** The words that a command is called by. */
function pathOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${parent.name()} ${command.name()}` : command.name();
}

describe('the help of a command', () => {
  it.each(helps())('has the unit of each time and of its default: $name', ({ help }) => {
    const text = help.replaceAll(/\s+/g, ' ');
    for (const [, rest = ''] of text.matchAll(/--\w+ <m?s>(.*?)(?= --|$)/g))
      expect(rest).toMatch(/, in (milliseconds or as 5s|seconds or as 500ms)( \(default: [\d.]+ s\))?/);
    expect(text).not.toMatch(/--timeout (?!<m?s>|\d)/);
  });

  it.each(helps())('has examples that work as written: $name', ({ help }) => {
    const examples = [...help.matchAll(/^ {2}rxflare (.*)$/gm)].map(([, text = '']) => text.split(' '));
    expect(examples).not.toEqual([]);
    for (const example of examples) {
      const program = createProgram();
      const run: string[] = [];
      for (const each of commandsOf(program)) each.action(() => void run.push(pathOf(each)));
      program.parse(example, { from: 'user' });
      expect(run).toEqual([example.slice(0, run[0]?.split(' ').length).join(' ')]);
    }
  });
});
