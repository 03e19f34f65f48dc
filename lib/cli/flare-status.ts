import { EMPTY, map, mergeMap, of } from 'rxjs';

import { JOB_COLUMNS, jobOutput, serverOutput, SITE_COLUMNS, siteOutput } from './flare-output.js';
import { type FlareOptions, withSession } from './flare-session.js';
import { Printer } from './printer.js';

/** `rxflare flare status`: the server, its sites, and the jobs that run. */
export async function statusCommand(options: FlareOptions): Promise<void> {
  const printer = new Printer(options.json);
  await withSession(options, printer, (session) =>
    session.getSystemInfo().pipe(
      mergeMap((info) => {
        printer.print(serverOutput(info, session.serverVersion, session.user));
        printer.printTable(info.clients.map(siteOutput), SITE_COLUMNS);
        if (info.jobs.length === 0) return EMPTY;
        const running = new Set(info.jobs.map(({ jobId }) => jobId));
        return session.listJobs().pipe(
          map((jobs) => jobs.filter(({ jobId }) => running.has(jobId)).map(jobOutput)),
          mergeMap((jobs) => {
            printer.printTable(jobs, JOB_COLUMNS);
            return EMPTY;
          }),
        );
      }),
    ),
  );
}

/** `rxflare flare sites`: the sites that are connected. */
export async function sitesCommand(options: FlareOptions): Promise<void> {
  const printer = new Printer(options.json);
  await withSession(options, printer, (session) =>
    session.getConnectedClientList().pipe(
      mergeMap((clients) => {
        if (clients.length === 0 && !options.json) return of({ event: 'notice', message: NO_SITES } as const);
        printer.printTable(clients.map(siteOutput), SITE_COLUMNS);
        return EMPTY;
      }),
    ),
  );
}

const NO_SITES = 'no site is connected';
