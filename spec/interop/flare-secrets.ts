/**
 * A session that shows all that it can: objects, errors, stats, events and `DEBUG=*`. What is secret it writes to a file,
 * as it found that in what was sent and in the kit.
 *
 * Arguments: a kit, a kit that the server refuses, the file.
 */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { inspect } from 'node:util';

import { firstValueFrom, type Observable } from 'rxjs';

import type { Communicator } from '../../lib/communicator.js';
import { connectSession } from '../../lib/flare/index.js';
import { reportEvent } from '../../lib/monitor/reported-event.js';
import { SecretWatch } from './secret-watch.js';

const [kit = '', refused = '', file = ''] = process.argv.slice(2);

const communicators = new Set<Communicator>();
const shown: unknown[] = [];
const watch = new SecretWatch((each) => {
  communicators.add(each);
  each.lifecycle$.subscribe((event) => shown.push(reportEvent(event, 0), event));
});

const session = await connectSession(kit, { study: 'default' });
const failing: readonly Observable<unknown>[] = [
  session.getJobMeta('nowhere'),
  session.doCommand(['list_jobs', '--nothing']),
  session.lsTarget('nowhere'),
  session.doCommand(['_nothing']),
  session.submitJob({ name: 'refused', files: { 'meta.json': { name: 'refused' } } }),
  session.downloadJobResult('nowhere', tmpdir()),
];
for (const failing$ of failing) shown.push(await firstValueFrom(failing$).catch((error: unknown) => error));
shown.push(
  await firstValueFrom(session.getSystemInfo()),
  await firstValueFrom(session.doCommand(['check_status', 'server'])),
);
shown.push(await firstValueFrom(session.doCommand(['list_sessions'])));
shown.push(await firstValueFrom(session.state$), session);
shown.push(await connectSession(refused, { connectTimeoutMs: 3_000 }).catch((error: unknown) => error));
for (const each of communicators) shown.push(each.stats(), each, each.localEndpoint);
await session.close();
shown.push(await firstValueFrom(session.listJobs()).catch((error: unknown) => error));

writeFileSync(file, JSON.stringify(watch.found(kit)));
console.log(inspect(shown, { depth: 12, showHidden: true, maxArrayLength: 1_000, maxStringLength: null }));
console.log(
  JSON.stringify(
    shown.map((each) => (each instanceof Error ? [each.stack, each] : each)),
    safe(),
  ),
);
process.exit();

/** What has a circle has no form in JSON. */
function safe(): (name: string, value: unknown) => unknown {
  const seen = new Set<unknown>();
  return (_name, value) => {
    if (typeof value === 'bigint') return String(value);
    if (typeof value !== 'object' || value === null) return value;
    if (seen.has(value)) return undefined;
    seen.add(value);
    return value;
  };
}
