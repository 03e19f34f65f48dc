/**
 * Runs commands of `rxflare` one after the other in one process, as its program does, and writes what was secret to a file.
 *
 * Arguments: the kit, the file, the words of all commands as JSON.
 */
import { writeFileSync } from 'node:fs';

import { createProgram } from '../../lib/cli/program.js';
import { SecretWatch } from './secret-watch.js';

const [kit = '', file = '', commands = '[]'] = process.argv.slice(2);

const watch = new SecretWatch();
for (const words of JSON.parse(commands) as readonly (readonly string[])[])
  await createProgram().parseAsync(words, { from: 'user' });
writeFileSync(file, JSON.stringify(watch.found(kit)));
// What it ended with is that of the last failure.
process.exit(0);
