import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { filter, firstValueFrom, lastValueFrom, mergeMap, toArray } from 'rxjs';
import { beforeAll, describe, expect, inject, it, vi } from 'vitest';

import { type FlarePage, serveFlarePage } from '../../lib/cli/flare-dashboard-page.js';
import {
  askFederation,
  FEDERATION_APP_ID,
  type FederationQuestion,
  type SubmissionLine,
} from '../../lib/flare/dashboard/index.js';
import { Communicator as BaseCommunicator } from '../../lib/communicator.js';
import { connectSession, type FlareSession } from '../../lib/flare/index.js';
import type { JobInMemory } from '../../lib/flare/job-folder.js';
import { Communicator, Endpoint, Mode, textOf } from '../../lib/index.js';
import { Deployment } from '../support/deployment.js';
import { trackedJob } from '../support/tracked-job.js';
import { DEPLOYMENTS } from './set-up.js';

const suite = describe.skipIf(inject('interopObstacle') !== '');
const versions = DEPLOYMENTS.filter(({ version }) => version !== '2.8.0');

suite.each(versions)('the dashboard of a federation of NVFlare $version', ({ version, scheme }) => {
  let deployment: Deployment;
  let session: FlareSession;
  let page: FlarePage;
  let link: URL;
  let headers: { readonly Authorization: string };
  let browser: Communicator;
  const received: string[] = [];
  const secrets = new Set<string>();

  beforeAll(async () => {
    noteSecrets(secrets);
    deployment = await Deployment.start({ version, scheme });
    session = await connectSession(deployment.adminKit, { idlePollMs: 1_000 });
    page = await serveFlarePage(session, {
      port: 0,
      makeServer: (answers) => createServer((request, response) => void answers(request, response)),
    });
    link = new URL(page.newLink());
    const opened = await fetch(new URL('session', link), { method: 'POST', body: link.hash.slice(1) });
    const code = await opened.text();
    headers = { Authorization: `Bearer ${code}` };
    browser = new Communicator(new Endpoint('page'));
    browser.messages(FEDERATION_APP_ID).subscribe(({ message }) => received.push(textOf(message)));
    browser.addConnector(new URL(`${code}/f3`, link).href, Mode.ACTIVE);
    await browser.start();
    await firstValueFrom(browser.ready('federation'));
    return async () => {
      vi.restoreAllMocks();
      await browser.stop();
      await page.close();
      await session.close();
      await deployment.stop();
    };
  });

  const ask = <A extends FederationQuestion['ask']>(question: Extract<FederationQuestion, { ask: A }>) =>
    askFederation<A>(browser, 'federation', question);

  async function drop({ name, files }: JobInMemory): Promise<string> {
    const body = new FormData();
    for (const [path, content] of Object.entries(files))
      body.append(
        `${name}/${path}`,
        new Blob([typeof content === 'string' ? content : JSON.stringify(content)]),
      );
    const response = await fetch(new URL('jobs', link), { method: 'POST', headers, body });
    const lines = (await response.text()).trimEnd().split('\n');
    const last = JSON.parse(lines.at(-1) ?? '') as SubmissionLine;
    if (last.type !== 'submitted') throw new Error(inspect(last));
    return last.jobId;
  }

  it('follows a job of a data scientist: rounds, metrics of each site, and its result', async () => {
    const jobId = await drop(trackedJob({ name: 'tracked', version, rounds: 3 }));
    const log = lastValueFrom(ask({ ask: 'log', jobId, site: 'server' }).pipe(toArray()));
    const ofSite = firstValueFrom(
      ask({ ask: 'log', jobId, site: 'site-1' }).pipe(filter(({ text }) => text !== '')),
    );
    const running = firstValueFrom(
      ask({ ask: 'system' }).pipe(
        filter(({ sites }) => sites.some(({ jobs }) => jobs?.includes(jobId) === true)),
      ),
    );
    const reports = await lastValueFrom(ask({ ask: 'job', jobId }).pipe(toArray()));
    const last = reports.at(-1);
    expect(last).toMatchObject({
      job: { name: 'tracked', outcome: 'completed', submitter: 'admin@nvidia.com' },
      participants: expect.arrayContaining(['server', 'site-1', 'site-2']) as unknown,
      training: {
        obstacle: null,
        workflow: 'FedAvg',
        phase: 'finished',
        round: 2,
        finishedRounds: 3,
        rounds: 3,
        failure: null,
        best: { metric: 'accuracy', value: 0.7, round: 2 },
      },
    });
    const series = [null, 'site-1', 'site-2'].map((site) => ({
      site,
      name: 'accuracy',
      axis: 'round',
      points: [
        [1, 0.6],
        [2, 0.7],
      ],
    }));
    expect(last?.training.metrics).toEqual(series);
    expect(last?.timeline.map(({ status }) => status)).toEqual([
      'SUBMITTED',
      'DISPATCHED',
      'RUNNING',
      'FINISHED:COMPLETED',
    ]);
    // It was seen while it ran.
    expect(
      reports.some(({ training: { round, finishedRounds } }) => round !== null && finishedRounds < 3),
    ).toBe(true);
    expect((await running).sites.map(({ name, state }) => [name, state])).toEqual([
      ['site-1', 'connected'],
      ['site-2', 'connected'],
    ]);
    expect((await log).map(({ text }) => text).join('')).toContain('Finished FedAvg.');
    expect((await ofSite).text).toContain('worker_process');
  });

  it('says what a job failed of, and at which site', async () => {
    const jobId = await drop(trackedJob({ name: 'failing', version, rounds: 2, failingSite: 'site-2' }));
    const { job, training } = await lastValueFrom(ask({ ask: 'job', jobId }));
    expect(job.status).toBe('FINISHED:EXECUTION_EXCEPTION');
    expect(training.failure?.sites).toEqual(['site-2']);
    // In between, the other site may say that it was aborted.
    expect(training.failure?.text).toMatch(
      /^site-2: RuntimeError: no such data set: cifar\n(?:site-1: .*\n)?Result from site-2 is bad/,
    );
    expect(training.faults.map(({ site }) => site)).toEqual(expect.arrayContaining(['site-2', 'server']));
    expect(training).toMatchObject({ round: 1, finishedRounds: 1 });

    const zips$ = ask({ ask: 'download', jobId }).pipe(
      filter((each) => each.type === 'ready'),
      mergeMap(async ({ path }) => (await fetch(new URL(path, link))).arrayBuffer()),
    );
    const zip = Buffer.from(await lastValueFrom(zips$));
    expect(zip.includes('workspace/log.txt')).toBe(true);
    expect(await lastValueFrom(ask({ ask: 'delete', jobId }))).toEqual({ jobId });
  });

  it('aborts, and lists what there is', async () => {
    const jobId = await drop(trackedJob({ name: 'long', version, rounds: 10_000 }));
    const aborted = firstValueFrom(
      ask({ ask: 'job', jobId }).pipe(filter(({ training }) => (training.round ?? 0) > 1)),
    ).then(() => lastValueFrom(ask({ ask: 'abort', jobId })));
    const { job, training } = await lastValueFrom(ask({ ask: 'job', jobId }));
    await aborted;
    expect(job).toMatchObject({ status: 'FINISHED:ABORTED', outcome: 'aborted' });
    expect(training).toMatchObject({ rounds: 10_000, failure: null });
    const { jobs } = await firstValueFrom(ask({ ask: 'jobs' }));
    expect(jobs.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['long', 'aborted'],
      ['tracked', 'completed'],
    ]);
  });

  it('has told the page nothing secret', () => {
    const key = readFileSync(join(deployment.adminKit, 'startup', 'client.key'), 'latin1').split('\n');
    const lines = key.filter((line) => line.length > 40 && !line.startsWith('-'));
    const said = received.join('\n');
    expect(said.length).toBeGreaterThan(10_000);
    // The token of the cell, its signature, and both parts of the token of the user.
    expect(secrets.size).toBeGreaterThanOrEqual(4);
    for (const secret of [...lines, ...secrets]) expect(said).not.toContain(secret);
    expect(said).not.toMatch(/__token__|ssid|PRIVATE KEY|BEGIN CERTIFICATE/);
  });
});

/** Notes what is secret in whatever is sent from now on. */
function noteSecrets(secrets: Set<string>): void {
  const send = Reflect.get(BaseCommunicator.prototype, 'send') as (...args: readonly unknown[]) => boolean;
  vi.spyOn(BaseCommunicator.prototype, 'send').mockImplementation(function (
    this: BaseCommunicator,
    endpoint,
    appId,
    message,
  ) {
    const { headers = {}, payload } = message;
    for (const name of ['__token__', '__token_signature__'])
      if (typeof headers[name] === 'string') secrets.add(headers[name]);
    const text = Buffer.from(payload ?? []).toString('latin1');
    const token = /"type":"token","data":"([^"]+)"/.exec(text)?.[1];
    for (const part of token?.split(':') ?? []) secrets.add(part);
    return send.call(this, endpoint, appId, message);
  });
}
