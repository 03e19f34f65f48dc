import type { Command, Option } from 'commander';

/** The shells that completion is for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** What is completed behind an option, by its placeholder in the help. Nothing for any other. */
const PATHS: Readonly<Record<string, 'file' | 'directory'>> = { '<file>': 'file', '<dir>': 'directory' };

/** The script that completes the commands and options of a program in a shell. It comes from what `--help` prints. */
export function completionScript(program: Command, shell: (typeof SHELLS)[number]): string {
  return { bash, zsh: (each: Command) => `#compdef ${each.name()}\n${ZSH}${bash(each)}`, fish }[shell](
    program,
  );
}

/** zsh runs completions of bash. */
const ZSH = 'autoload -U +X bashcompinit && bashcompinit\n';

function bash(program: Command): string {
  const name = program.name();
  const behind = [...new Set(leavesOf(program).flatMap(allOptions).flatMap(valuesInBash))];
  return `_${name}() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" words files=
  COMPREPLY=()
  case "$prev" in
${behind.join('')}  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words=${quote(`help ${names(program).join(' ')}`)}
  else case "\${COMP_WORDS[1]}" in
${casesInBash(program, 1)}    help) words=${quote(
    commandsOf(program)
      .map((command) => command.name())
      .join(' '),
  )} ;;
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [ -n "$files" ]; then local IFS=$'\\n'; COMPREPLY+=($(compgen -f -- "$cur")); fi
}
complete -o filenames -F _${name} ${name}
`;
}

/** What is offered behind each command, which is word `at`; behind a group its commands, and behind these theirs. */
function casesInBash(program: Command, at: number): string {
  const cases = commandsOf(program).map((command) => {
    const files = takesFile(command) ? FILES_TOO : '';
    if (commandsOf(command).length === 0)
      return `    ${command.name()}) words=${quote(words(command))}${files} ;;\n`;
    const inGroup = `case "\${COMP_WORDS[${at + 1}]}" in\n${casesInBash(command, at + 1)}    esac`;
    const next = quote(names(command).join(' '));
    return `    ${command.name()}) if [ "$COMP_CWORD" -eq ${at + 1} ]; then words=${next}; else ${inGroup}; fi ;;\n`;
  });
  return cases.join('');
}

/** What is after the options of a command that takes a file. */
const FILES_TOO = ' files=yes';

/** Whether one of the words of a command is a file. */
function takesFile(command: Command): boolean {
  return /<(file|folder)>/.test(command.usage());
}

function valuesInBash({ long, flags, argChoices }: Option): string[] {
  const path = PATHS[placeholder(flags)];
  const flag = long ?? '';
  if (path !== undefined)
    return [
      `    ${flag}) local IFS=$'\\n'; COMPREPLY=($(compgen ${path === 'file' ? '-f' : '-d'} -- "$cur")); return ;;\n`,
    ];
  if (argChoices !== undefined)
    return [`    ${flag}) COMPREPLY=($(compgen -W ${quote(argChoices.join(' '))} -- "$cur")); return ;;\n`];
  return placeholder(flags) === '' ? [] : [`    ${flag}) return ;;\n`];
}

function fish(program: Command): string {
  const complete = `complete -c ${program.name()}`;
  const first = commandsOf(program).map(
    (command) =>
      `${complete} -f -n __fish_use_subcommand -a ${command.name()} -d ${quote(command.description())}\n`,
  );
  const groups = commandsOf(program).filter((command) => commandsOf(command).length > 0);
  const inGroups = groups.flatMap((group) => {
    const all = commandsOf(group).map((command) => command.name());
    const next = `__fish_seen_subcommand_from ${group.name()}; and not __fish_seen_subcommand_from ${all.join(' ')}`;
    return commandsOf(group).map(
      (command) =>
        `${complete} -f -n ${quote(next)} -a ${command.name()} -d ${quote(command.description())}\n`,
    );
  });
  const behind = leavesOf(program).flatMap((command) => {
    const within = `${complete} -n ${quote(`__fish_seen_subcommand_from ${command.name()}`)}`;
    const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
    const options = allOptions(command).map(
      (option) => `${within} -l ${option.name()} -d ${quote(option.description)}${valueInFish(option)}\n`,
    );
    return [...(choices.length === 0 ? [] : [`${within} -f -a ${quote(choices.join(' '))}\n`]), ...options];
  });
  return `${complete} -f\n${first.join('')}${inGroups.join('')}${behind.join('')}`;
}

function valueInFish({ flags, argChoices }: Option): string {
  const path = PATHS[placeholder(flags)];
  if (path === 'file') return ' -r -F';
  if (path === 'directory') return ` -x -a '(__fish_complete_directories)'`;
  if (argChoices !== undefined) return ` -x -a ${quote(argChoices.join(' '))}`;
  return placeholder(flags) === '' ? '' : ' -x';
}

function commandsOf(program: Command): readonly Command[] {
  return program.commands;
}

/** The commands that run, those of groups too. */
function leavesOf(program: Command): readonly Command[] {
  const isGroup = commandsOf(program).length > 0;
  return isGroup ? commandsOf(program).flatMap(leavesOf) : [program];
}

function allOptions(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command);
}

function names(program: Command): string[] {
  return [
    ...commandsOf(program).map((command) => command.name()),
    ...allOptions(program).map(({ long }) => long ?? ''),
  ];
}

function words(command: Command): string {
  const choices = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
  return [...choices, ...allOptions(command).map(({ long }) => long ?? '')].join(' ');
}

/** `<file>` of `--key <file>`; empty for a flag. */
function placeholder(flags: string): string {
  return /<.*>/.exec(flags)?.[0] ?? '';
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
