import { type Command, Option } from 'commander';

import { duplicateNameOption, pairOption, timeOption } from './arguments.js';
import { addClusterOptions } from './cluster-options.js';
import { size } from './cells-options.js';
import type { AskOptions } from './cells-ask.js';
import type { PullOptions } from './cells-pull.js';
import type { PushOptions } from './cells-push.js';
import type { RequestCommandOptions } from './cells-request.js';
import type { ServeOptions } from './cells-serve.js';

/** Adds a command with the options that all commands about connections share. */
export type AddCommand = (usage: string, description: string, examples: readonly string[]) => Command;

const PAYLOAD = ['--payload <text>', 'a text, or the bytes of a file: @ and its path'] as const;
const VALUE = ['--value <json>', 'a value, in place of a text: {"round": 3} is a dict in Python'] as const;

/** The commands that speak as a cell of NVFlare. */
export function addCellCommands(add: AddCommand): void {
  addRequest(add);
  addServe(add);
  addPush(add);
  addPull(add);
  addCells(add);
}

function addRequest(add: AddCommand): void {
  asking(
    add('request [url]', 'asks a cell of NVFlare, and prints its reply', [
      'tcp://localhost:8002 --to site-1 --channel task --topic status',
      'tcp://localhost:8002 --to site-1 --channel task --topic train --value \'{"round":3}\' --timeout 60 --json',
    ]),
  )
    .option(...PAYLOAD)
    .option(...VALUE)
    .addOption(pairOption('--header <key=value>', 'header of the request'))
    .action(async (url: string | undefined, options: RequestCommandOptions) => {
      const { requestCommand } = await import('./cells-request.js');
      await requestCommand(url, options);
    });
}

function addServe(add: AddCommand): void {
  addClusterOptions(
    standing(
      add('serve [url...]', 'answers the requests of one topic as a cell of NVFlare, and prints them', [
        'tcp://0:8002 --name server --channel task --topic status --echo',
        'tcp://localhost:8002 --parent server --name site-2 --channel task --payload idle',
      ]),
    ),
  )
    .option('--echo', 'answer with what was asked', false)
    .addOption(duplicateNameOption())
    .option('--diagnostics', 'tell others, as rxflare cells, who is connected here', false)
    .option(...PAYLOAD)
    .option(...VALUE)
    .action(async (urls: readonly string[], options: ServeOptions) => {
      const { serveCommand } = await import('./cells-serve.js');
      await serveCommand(urls, options);
    });
}

function addPush(add: AddCommand): void {
  asking(
    add('push <words...>', 'sends a file to a cell of NVFlare, as a stream', [
      'tcp://localhost:8002 model.npz --to site-1 --channel models --topic best',
      'model.npz --kit site-1/startup --to server --channel models --topic best',
    ]),
  )
    .usage('[options] [url] <file>')
    .addOption(pairOption('--header <key=value>', 'header of the stream'))
    .action(async (words: readonly string[], options: PushOptions) => {
      const { pushCommand } = await import('./cells-push.js');
      await pushCommand(words, options);
    });
}

function addPull(add: AddCommand): void {
  standing(
    add('pull <words...>', 'waits for one stream as a cell of NVFlare, and saves it to a file', [
      'tcp://0:8002 model.npz --channel models --topic best',
      'tcp://localhost:8002 model.npz --parent server --name site-2 --channel models --from site-1',
    ]),
  )
    .usage('[options] [url...] <file>')
    .option('--from <name>', 'the cell that sends it; others are refused')
    .addOption(
      new Option('--max-size <size>', 'the most that is saved: bytes, or as 500MB')
        .argParser(size)
        .default(size('16GiB'), '16GiB'),
    )
    .action(async (words: readonly string[], options: PullOptions) => {
      const { pullCommand } = await import('./cells-pull.js');
      await pullCommand(words, options);
    });
}

function addCells(add: AddCommand): void {
  asCell(
    add('cells [url]', 'shows the cells of NVFlare that can be seen from here, with their round trips', [
      'tcp://localhost:8002',
      '--kit site-1/startup --json',
    ]),
  ).action(async (url: string | undefined, options: AskOptions) => {
    const { cellsCommand } = await import('./cells-tree.js');
    await cellsCommand(url, options);
  });
}

/** The options of what asks for something. */
function asking(command: Command): Command {
  return asCell(inPlace(command)).requiredOption('--topic <topic>', 'the topic');
}

/** The options of what connects and asks. */
function asCell(command: Command): Command {
  return inDialect(command)
    .option('--name <name>', 'own cell name; by default a new one, below the name of --cert under mtls')
    .option('--to <name>', 'the cell to ask, however far; by default the one at the other end')
    .addOption(timeOption('--timeout', 's', 'the most for each step', 0, 10_000));
}

/** The options of what waits for other cells. */
function standing(command: Command): Command {
  return inDialect(inPlace(command))
    .option('--topic <topic>', 'the topic; by default all of the channel', '*')
    .option('--name <name>', 'own cell name; by default server, or with --parent a new one')
    .option(
      '--parent <name>',
      'connect to the URL, where this cell listens, as a child of it; do not listen',
    );
}

function inPlace(command: Command): Command {
  return command.requiredOption('--channel <channel>', 'the channel');
}

function inDialect(command: Command): Command {
  return command.addOption(
    new Option(
      '--dialect <release>',
      'how to write values to cells that have not spoken: as NVFlare from 2.4 to 2.6, or from 2.7',
    )
      .choices(['2.4', '2.7'])
      .default('2.7'),
  );
}
