import type { Command } from 'commander';

import { integer, timeOption } from './arguments.js';
import type { FlareDashboardOptions } from './flare-dashboard.js';
import type { DownloadCommandOptions } from './flare-download.js';
import type { JobsOptions } from './flare-jobs.js';
import type { LogsOptions } from './flare-logs.js';
import type { FlareOptions } from './flare-session.js';
import type { SubmitCommandOptions } from './flare-submit.js';

/** Adds the examples of a command to its help. */
export type WithExamples = (command: Command, examples: readonly string[]) => Command;

const KIT = 'admin@example.com';

/** `rxflare flare ...`: the commands that drive a federation with the startup kit of a user. */
export function addFlareCommands(program: Command, withExamples: WithExamples): void {
  const flare = withExamples(
    program.command('flare').description('drives an NVFlare federation with the startup kit of a user'),
    [`status --kit ${KIT}`, `submit ./fedavg --kit ${KIT} --watch`],
  );
  const add = (usage: string, description: string, examples: readonly string[]): Command =>
    withExamples(flare.command(usage).description(description), examples)
      .requiredOption('--kit <dir>', 'the startup kit of a user of the project')
      .option('--study <study>', 'the study; from NVFlare 2.8 on', 'default')
      .addOption(timeOption('--timeout', 's', 'the most for the login, and for what sites answer', 1, 10_000))
      .option('--json', 'print one JSON object a line', false);
  addLooks(add);
  addSubmit(add);
  addAboutJob(add);
  addDownload(add);
  addDashboard(add);
}

type Add = (usage: string, description: string, examples: readonly string[]) => Command;

function addLooks(add: Add): void {
  add('status', 'shows the server, its sites, and the jobs that run', [`--kit ${KIT}`]).action(
    async (options: FlareOptions) => {
      const { statusCommand } = await import('./flare-status.js');
      await statusCommand(options);
    },
  );
  add('sites', 'lists the sites that are connected', [`--kit ${KIT} --json`]).action(
    async (options: FlareOptions) => {
      const { sitesCommand } = await import('./flare-status.js');
      await sitesCommand(options);
    },
  );
  add('jobs', 'lists the jobs of the study, the latest first', [`--kit ${KIT} --limit 5 --name fedavg`])
    .option('--limit <n>', 'no more than these', integer(1), 20)
    .option('--name <prefix>', 'those whose names begin so')
    .action(async (options: JobsOptions) => {
      const { jobsCommand } = await import('./flare-jobs.js');
      await jobsCommand(options);
    });
}

function addSubmit(add: Add): void {
  add('submit <folder>', 'submits a job, and prints its ID', [
    `./fedavg --kit ${KIT}`,
    `./fedavg --kit ${KIT} --watch --json`,
  ])
    .option('--watch', 'go on to the end of the job, and end by its outcome', false)
    .option('--token <token>', 'the same job with the same token is submitted once; from NVFlare 2.8 on')
    .action(async (folder: string, options: SubmitCommandOptions) => {
      const { submitCommand } = await import('./flare-submit.js');
      await submitCommand(folder, options);
    });
}

function addAboutJob(add: Add): void {
  const example = `6f0e5b9c --kit ${KIT}`;
  add('watch <job>', 'follows a job to its end, and ends by its outcome', [example]).action(
    async (jobId: string, options: FlareOptions) => {
      const { watchCommand } = await import('./flare-submit.js');
      await watchCommand(jobId, options);
    },
  );
  add('logs <job>', 'prints the log of a part of a job', [`${example} --follow`])
    .option('--site <name>', 'of this site, or of all parts of the job: all', 'server')
    .option('--follow', 'go on to the end of the job', false)
    .action(async (jobId: string, options: LogsOptions) => {
      const { logsCommand } = await import('./flare-logs.js');
      await logsCommand(jobId, options);
    });
  add('abort <job>', 'ends a job', [example]).action(async (jobId: string, options: FlareOptions) => {
    const { abortCommand } = await import('./flare-jobs.js');
    await abortCommand(jobId, options);
  });
}

function addDownload(add: Add): void {
  add('download <job> [dir]', 'downloads the result of a job to a new folder, named by its ID', [
    `6f0e5b9c --kit ${KIT}`,
    `6f0e5b9c results --kit ${KIT}`,
  ])
    .option('--max-size <bytes>', 'the most that the result may have, in bytes', integer(1), 64 * 1024 ** 3)
    .action(async (jobId: string, folder: string | undefined, options: DownloadCommandOptions) => {
      const { downloadCommand } = await import('./flare-download.js');
      await downloadCommand(jobId, folder ?? '.', options);
    });
}

function addDashboard(add: Add): void {
  const bytes = 256 * 1024 ** 2;
  add(
    'dashboard',
    'serves a page that shows and drives the federation; Enter, or SIGUSR2, prints another link',
    [`--kit ${KIT}`, `--kit ${KIT} --read-only --port 8080`],
  )
    .option('--port <n>', 'of the page; 0 for any that is free', integer(0, 65_535), 8011)
    .option('--host <address>', 'listen here; others than this machine may reach the page then', '127.0.0.1')
    .option('--read-only', 'the page may look, and change nothing', false)
    .option('--max-size <bytes>', 'the most that a job dropped on the page may have', integer(1), bytes)
    .action(async (options: FlareDashboardOptions) => {
      const { flareDashboardCommand } = await import('./flare-dashboard.js');
      await flareDashboardCommand(options);
    });
}
