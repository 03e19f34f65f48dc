import { join } from 'node:path';

import { asapScheduler, firstValueFrom, type SchedulerLike } from 'rxjs';
import { onTestFinished } from 'vitest';

import { Cell } from '../../lib/cellnet/index.js';
import { Identity } from '../../lib/flare/identity.js';
import type { TransferSession } from '../../lib/flare/job-transfer.js';
import { SessionCore } from '../../lib/flare/session-core.js';
import { resolveSessionOptions } from '../../lib/flare/session-options.js';
import { Mode } from '../../lib/index.js';
import { communicator } from './communicators.js';
import { FakeFlareServer } from './fake-flare-server.js';
import { userKit } from './flare-project.js';

/** No time passes: what waits is done next. */
const AT_ONCE: SchedulerLike = {
  now: () => 0,
  schedule(work, _, state) {
    return asapScheduler.schedule(work as never, 0, state);
  },
};

/**
 * A fake server, and a session that has logged in there, as transfers use it: between their attempts no time passes. Needs
 * `stopAll` after each test.
 */
export async function transferSession(
  serverVersion = '2.9.0',
): Promise<{ readonly server: FakeFlareServer; readonly session: TransferSession }> {
  const server = await FakeFlareServer.start({ version: undefined });
  server.transfers.isOld = serverVersion.startsWith('2.7');
  const startup = join(await userKit(server.port), 'startup');
  const identity = new Identity(join(startup, 'client.crt'), join(startup, 'client.key'));
  const client = communicator('_admin_');
  client.addConnector(`tcp://127.0.0.1:${server.port}`, Mode.ACTIVE);
  const cell = new Cell(client);
  const core = new SessionCore({ communicator: client, cell, identity, options: resolveSessionOptions() });
  onTestFinished(() => core.close());
  await client.start();
  await firstValueFrom(core.logIn('default', serverVersion));
  const session: TransferSession = {
    scheduler: AT_ONCE,
    state$: core.state$,
    serverVersion,
    cell,
    identity,
    command: (line, options) => core.command(line, options),
    commandText: (line, options) => core.commandText(line, options),
  };
  return { server, session };
}
