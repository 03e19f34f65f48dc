import { lastValueFrom, toArray } from 'rxjs';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';

import { wholeJobId } from '../../lib/cli/flare-job-id.js';
import { logsOf } from '../../lib/cli/flare-logs.js';
import { flareText, jobOutput } from '../../lib/cli/flare-output.js';
import { watched } from '../../lib/cli/flare-submit.js';
import { connectSession, type FlareSession, type JobMeta } from '../../lib/flare/index.js';
import { stopAll } from '../support/communicators.js';
import { FakeFlareServer, type FakeReply } from '../support/fake-flare-server.js';
import { userKit } from '../support/flare-project.js';

afterEach(stopAll);

const ok = (meta: object, data: readonly object[] = []): FakeReply => ({
  data,
  meta: { status: 'ok', info: '', ...meta },
});
const says = (text: string): FakeReply => ({ data: [{ type: 'string', data: text }] });
const LOGS = { logs: { server: 'one\ntwo\n' }, unavailable: { 'site-1': 'client log stream not available' } };
const ERRORS = '2026-11-26 12:52:00,689 - Trainer - ERROR - failed\nValueError: no such data\n';

/** A session at a server with one job, which has failed at site-1. */
async function sessionWithFailedJob(): Promise<FlareSession> {
  const server = await FakeFlareServer.start();
  const job_meta = {
    job_id: 'ab-1',
    name: 'fedavg',
    status: 'FINISHED:EXECUTION_EXCEPTION',
    job_deploy_detail: ['server: OK', 'site-1: OK'],
  };
  server.answers.set('get_job_meta', () => ok({ job_meta }));
  server.answers.set('get_job_log', () => ok({}, [{ type: 'dict', data: LOGS }]));
  server.answers.set('cat', (line) =>
    says(line.includes('site-1') ? 'from the site\n' : 'cat: no such file'),
  );
  server.answers.set('tail', () => says(ERRORS));
  server.answers.set('list_jobs', (line) => {
    const ids = ['ab-1', 'ab-2', 'cd-3'].filter((id) => id.startsWith(line.split(' ').at(-1) ?? ''));
    return ok({ jobs: ids.map((job_id) => ({ job_id, status: 'RUNNING' })) });
  });
  const session = await connectSession(await userKit(server.port));
  onTestFinished(() => session.close());
  return session;
}

const textsOf = async (session: FlareSession, site: string, follow = false): Promise<unknown[]> => {
  const outputs = await lastValueFrom(logsOf(session, 'ab-1', { site, follow }).pipe(toArray()));
  return outputs.map((output) => ('text' in output ? output.text : output));
};

describe('rxflare flare logs', () => {
  it.each([false, true])(
    'prints what the server has, and else what the site has, following: %s',
    async (follow) => {
      const session = await sessionWithFailedJob();
      expect(await textsOf(session, 'server', follow)).toEqual(['one', 'two']);
      expect(await textsOf(session, 'site-1', follow)).toEqual(['from the site']);
      expect((await textsOf(session, 'all', follow)).sort()).toEqual(['from the site', 'one', 'two']);
    },
  );

  it('says which parts the job has where there is no such site', async () => {
    const session = await sessionWithFailedJob();
    await expect(textsOf(session, 'site-9')).rejects.toMatchObject({
      status: 'invalid_target',
      message: expect.stringContaining('only at server, site-1') as unknown,
    });
  });
});

describe('rxflare flare watch', () => {
  it('says why a job failed, and where its log is', async () => {
    const session = await sessionWithFailedJob();
    await expect(lastValueFrom(watched(session, 'ab-1'))).rejects.toMatchObject({
      status: 'job_failed',
      message:
        'job ab-1 has ended as FINISHED:EXECUTION_EXCEPTION, site-1: ValueError: no such data: ' +
        'rxflare flare logs ab-1 --site site-1 shows its log',
    });
  });

  it('lists no deployments that went well below a job that failed', () => {
    const meta = { status: 'FINISHED:ABNORMAL', name: 'a', deployDetail: ['server: OK', 'site-2: no room'] };
    expect(flareText(jobOutput(meta as unknown as JobMeta), String)).toBe(
      'a FINISHED:ABNORMAL\n  site-2: no room',
    );
  });
});

describe('the ID of a job', () => {
  it('may be the beginning of one, and of no more', async () => {
    const session = await sessionWithFailedJob();
    expect(await lastValueFrom(wholeJobId(session, 'cd'))).toBe('cd-3');
    expect(await lastValueFrom(wholeJobId(session, 'ef'))).toBe('ef');
    await expect(lastValueFrom(wholeJobId(session, 'ab'))).rejects.toMatchObject({ status: 'bad_argument' });
  });
});
