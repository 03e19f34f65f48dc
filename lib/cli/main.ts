#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';

import { CommError } from '../comm-error.js';
import { connectCommand } from './connect.js';
import { listenCommand } from './listen.js';
import { tolerateClosedPipes } from './output-closed.js';
import { pingCommand } from './ping.js';
import { Printer } from './printer.js';
import { topCommand } from './top.js';
import { version } from './version.js';

/** Reads a whole number of at least `minimum` from a command line. */
function integer(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= minimum) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${minimum}.`);
  };
}

tolerateClosedPipes();

const program = new Command('rxflare')
  .description('Connects to, listens for and examines NVIDIA FLARE (F3) endpoints.')
  .version(version())
  .showHelpAfterError()
  .exitOverride();

/** A command with the options that all commands share. */
function command(usage: string, description: string): Command {
  return program
    .command(usage)
    .description(description)
    .option('--ca-cert <file>', 'CA certificate (PEM) that signs the other side')
    .option('--cert <file>', 'own certificate (PEM)')
    .option('--key <file>', 'key of the own certificate (PEM)')
    .addOption(
      new Option(
        '--connection-security <level>',
        'clear, tls (the server shows a certificate) or mtls (both do)',
      ).choices(['clear', 'tls', 'mtls']),
    )
    .option('--json', 'print one JSON object a line', false)
    .exitOverride();
}

command('listen <url...>', 'listens on one or more URLs, such as tcp://0:8002, and prints what happens')
  .option('--name <name>', 'own endpoint name', 'hub')
  .option('--app <id>', 'application ID to listen to', integer(0), 1)
  .option('--echo', 'send each message back', false)
  .option('--stats', 'let every endpoint watch this hub, with rxflare top for example', false)
  .option('--dashboard', 'serve a page that shows this hub, to browsers on this machine', false)
  .option('--dashboard-port <port>', 'the port of that page; 0 takes a free one', integer(0), 8010)
  .action(listenCommand);

command(
  'connect <url>',
  'connects, sends each line of standard input as a message, and prints those received',
)
  .requiredOption('--name <name>', 'own endpoint name')
  .option('--to <name>', 'the endpoint to send to; by default the one at the other end')
  .option('--app <id>', 'application ID to send and listen to', integer(0), 1)
  .option(
    '--linger <ms>',
    'after the end of standard input, leave when this long nothing was received',
    integer(0),
    1000,
  )
  .action(connectCommand);

command('ping <url>', 'examines an F3 peer: its name, properties, TLS, handshake time and round trips')
  .option('--name <name>', 'own endpoint name; by default a new one, below the name of --cert under mtls')
  .option('--count <n>', 'how many PINGs', integer(1), 4)
  .option('--interval <ms>', 'between two PINGs', integer(0), 1000)
  .option('--timeout <ms>', 'for each step', integer(1), 5_000)
  .action(pingCommand);

command(
  'top <url>',
  'watches a hub that was started with --stats: its endpoints, their traffic, and what happens',
)
  .option('--name <name>', 'own endpoint name; by default a new one, below the name of --cert under mtls')
  .option('--period <ms>', 'between two reports', integer(100), 1000)
  .option('--count <n>', 'leave after this many reports; 0 goes on', integer(0), 0)
  .option('--timeout <ms>', 'to connect, for the handshake, and for the first report', integer(1), 5_000)
  .action(topCommand);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode;
  } else {
    const { code, message } = CommError.from(error);
    new Printer(process.argv.includes('--json')).print({ event: 'error', code, message });
    process.exitCode = 1;
  }
}
