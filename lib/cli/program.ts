import { Argument, Command, Option } from 'commander';

import { duplicateNameOption, integer, pairOption, timeOption } from './arguments.js';
import { addCellCommands } from './cells-program.js';
import { addClusterOptions } from './cluster-options.js';
import { completionScript, SHELLS } from './completion.js';
import type { ConnectOptions } from './connect.js';
import { EXIT_MEANINGS } from './exit-code.js';
import { addFlareCommands } from './flare-program.js';
import type { ListenOptions } from './listen.js';
import type { PingOptions } from './ping.js';
import type { SendOptions } from './send.js';
import type { TopOptions } from './top.js';
import { version } from './version.js';

const NEW_NAME = 'own endpoint name; by default a new one, below the name of --cert under mtls';

/** The default application ID, as in the guides: cells have 1. */
const APP_ID = 100;

const HEADER = pairOption('--header <key=value>', 'header of each message sent');

/** The command line. The code of a command is loaded when it runs: `--version` and `--help` need no transport. */
export function createProgram(): Command {
  const program = new Command('rxflare')
    .description('Connects to, listens for and examines NVIDIA FLARE (F3) endpoints.')
    .version(version())
    .configureHelp({ subcommandTerm: (command) => `${command.name()} ${command.usage()}` })
    .addHelpText('after', () => `\nExit codes:\n${exitCodes()}`)
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
  addListen(program);
  addConnect(program);
  addSend(program);
  addPing(program);
  addTop(program);
  addCellCommands((...words) => command(program, ...words));
  addFlareCommands(program, withExamples);
  addCompletion(program);
  return program;
}

function addListen(program: Command): void {
  addClusterOptions(
    command(program, 'listen [url...]', 'listens on one or more URLs and prints what happens', [
      'tcp://0:8002 --echo',
      'grpc://0:8002 http://0:8003 --dashboard',
      'stcp://0:8002 --ca-cert rootCA.pem --cert server.crt --key server.key',
      'tcp://0:8002 --cluster nats://nats.example.com:4222 --cluster-name fl',
      '--kit server/startup',
    ]),
  )
    .option('--name <name>', 'own endpoint name; by default hub, or server with --kit')
    .option('--app <id>', 'application ID to listen to', integer(0), APP_ID)
    .option('--echo', 'send each message back', false)
    .addOption(duplicateNameOption())
    .option('--stats', 'let every endpoint watch this hub, with rxflare top for example', false)
    .option('--dashboard', 'serve a page that shows this hub, to browsers on this machine', false)
    .option('--dashboard-port <port>', 'the port of that page; 0 takes a free one', integer(0, 65_535), 8010)
    .action(async (urls: readonly string[], options: ListenOptions) => {
      const { listenCommand } = await import('./listen.js');
      await listenCommand(urls, options);
    });
}

function addConnect(program: Command): void {
  command(
    program,
    'connect [url]',
    'connects, sends each line of standard input as a message, and prints those received',
    [
      'tcp://hub.example.com:8002 --name site-1 --property site=munich',
      'http://localhost:8002 --name site-1 --app 7 --json',
    ],
  )
    .option('--name <name>', NEW_NAME)
    .option('--to <name>', 'the endpoint to send to; by default the one at the other end')
    .option('--app <id>', 'application ID to send and listen to', integer(0), APP_ID)
    .addOption(
      timeOption(
        '--linger',
        'ms',
        'leave when nothing is received that long after the end of the input',
        0,
        1_000,
      ),
    )
    .addOption(HEADER)
    .addOption(timeOption('--timeout', 'ms', 'leave when not connected that long (0: never)', 0, 30_000))
    .action(async (url: string | undefined, options: ConnectOptions) => {
      const { connectCommand } = await import('./connect.js');
      await connectCommand(url, options);
    });
}

function addSend(program: Command): void {
  command(program, 'send [url] [text]', 'sends one message: the text, or all of standard input', [
    'tcp://hub.example.com:8002 hello',
    'tcp://hub.example.com:8002 status --app 7 --header round=3 --wait 5000 --json',
  ])
    .option('--name <name>', NEW_NAME)
    .option('--to <name>', 'the endpoint to send to; by default the one at the other end')
    .option('--app <id>', 'application ID to send to', integer(0), APP_ID)
    .addOption(HEADER)
    .addOption(timeOption('--wait', 'ms', 'print the first answer, and fail when none comes in that time', 1))
    .addOption(timeOption('--timeout', 'ms', 'the most to connect (0: no limit)', 0, 5_000))
    .action(async (url: string | undefined, text: string | undefined, options: SendOptions) => {
      const { sendCommand } = await import('./send.js');
      await sendCommand(
        [url, text].filter((word) => word !== undefined),
        options,
      );
    });
}

function addPing(program: Command): void {
  command(
    program,
    'ping [url]',
    'examines an F3 peer: its name, properties, TLS, handshake time and round trips',
    [
      'tcp://hub.example.com:8002',
      'https://localhost:8002 --ca-cert rootCA.pem --cert client.crt --key client.key --count 1',
      '--kit site-1/startup',
    ],
  )
    .option('--name <name>', NEW_NAME)
    .option('--count <n>', 'how many PINGs', integer(1), 4)
    .addOption(timeOption('--interval', 'ms', 'between two PINGs', 0, 1_000))
    .addOption(timeOption('--timeout', 'ms', 'the most for each step', 1, 5_000))
    .action(async (url: string | undefined, options: PingOptions) => {
      const { pingCommand } = await import('./ping.js');
      await pingCommand(url, options);
    });
}

function addTop(program: Command): void {
  command(
    program,
    'top [url]',
    'watches a hub that was started with --stats: its endpoints, their traffic, and what happens',
    ['tcp://localhost:8002', 'tcp://localhost:8002 --count 1 --json'],
  )
    .option('--name <name>', NEW_NAME)
    .addOption(timeOption('--period', 'ms', 'between two reports', 100, 1_000))
    .option('--count <n>', 'leave after this many reports; 0 goes on', integer(0), 0)
    .addOption(
      timeOption(
        '--timeout',
        'ms',
        'the most to connect, for the handshake, and for the first report',
        1,
        5_000,
      ),
    )
    .action(async (url: string | undefined, options: TopOptions) => {
      const { topCommand } = await import('./top.js');
      await topCommand(url, options);
    });
}

function addCompletion(program: Command): void {
  withExamples(
    program
      .command('completion')
      .description('prints a script that completes commands and options in a shell'),
    ['bash', 'zsh', 'fish'],
  )
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action((shell: (typeof SHELLS)[number]) => {
      process.stdout.write(completionScript(program, shell));
    });
}

/** A command with the options that all commands about connections share. */
function command(program: Command, usage: string, description: string, examples: readonly string[]): Command {
  return withExamples(program.command(usage).description(description), examples)
    .option('--kit <dir>', 'NVFlare startup kit: it has the URL, the certificates and the level of security')
    .option('--ca-cert <file>', 'CA certificate (PEM) that signs the other side')
    .option('--cert <file>', 'own certificate (PEM)')
    .option('--key <file>', 'key of the own certificate (PEM)')
    .addOption(
      new Option(
        '--connection-security <level>',
        'clear, tls (the server shows a certificate) or mtls (both do)',
      ).choices(['clear', 'tls', 'mtls']),
    )
    .addOption(
      pairOption(
        '--identity <name=cn>',
        'an endpoint and the common name of its certificate, where they differ: server=localhost',
      ),
    )
    .addOption(pairOption('--property <key=value>', 'public property of the own endpoint'))
    .option('--json', 'print one JSON object a line', false);
}

function withExamples(added: Command, examples: readonly string[]): Command {
  const group = added.parent?.parent ? `${added.parent.name()} ` : '';
  const lines = examples.map((example) => `  rxflare ${group}${added.name()} ${example}\n`);
  return added.addHelpText('after', `\nExamples:\n${lines.join('')}`);
}

function exitCodes(): string {
  return Object.entries(EXIT_MEANINGS)
    .map(([code, meaning]) => `  ${code.padEnd(3)}  ${meaning}\n`)
    .join('');
}
