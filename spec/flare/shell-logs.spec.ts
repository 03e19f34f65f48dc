import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';

import { connectSession } from '../../lib/flare/index.js';
import { stopAll } from '../support/communicators.js';
import { FakeFlareServer, type FakeReply } from '../support/fake-flare-server.js';
import { userKit } from '../support/flare-project.js';

afterEach(stopAll);

const MISSING = 'cat: j/log.txt: No such file or directory\n';
const text = (data: string): FakeReply => ({ data: [{ type: 'string', data }] });

/** A session at a server of 2.7: `logs` are what there is, by target, and `isOver` whether the job has ended. */
async function connect(logs: Record<string, FakeReply>, isOver: () => boolean = () => false) {
  const commands = ['cat', 'get_job_meta', 'check_status'];
  const server = await FakeFlareServer.start({ version: undefined, commands });
  const session = await connectSession(await userKit(server.port), { pollMs: 1, idlePollMs: 1 });
  onTestFinished(() => session.close());
  server.answers.set('cat', (line) => logs[line.split(' ')[1] ?? ''] ?? text(MISSING));
  server.answers.set('get_job_meta', () => ({
    meta: { status: 'ok', job_meta: { job_id: 'j', status: isOver() ? 'FINISHED:COMPLETED' : 'RUNNING' } },
  }));
  const site = (name: string) => ({ client_name: name, client_last_conn_time: 1 });
  const clients = [site('site-1'), site('site-2')];
  server.answers.set('check_status', () => ({
    meta: { server_status: 'started', server_start_time: 1, clients, jobs: [] },
  }));
  return { server, session };
}

describe('logs at a server of 2.7', () => {
  it('are read where they are', async () => {
    const refusal = "user 'admin' is not authorized for 'cat'";
    const { server, session } = await connect({ server: text('a\n'), 'site-1': text(refusal) });
    expect(await firstValueFrom(session.getJobLog('j'))).toBe('a\n');
    expect(await firstValueFrom(session.getJobLogs('j', 'all'))).toEqual({
      logs: { server: 'a\n' },
      unavailable: {
        'site-1': expect.stringMatching(
          /no get_job_log: it is of NVFlare 2.7, and .* may not read/,
        ) as unknown,
        'site-2': 'there is no log yet',
      },
    });
    expect(server.lines).toContain('cat site-2 j/log.txt');
    expect(await firstValueFrom(session.getJobLog('j', 'site-2'))).toBe('');
    await expect(firstValueFrom(session.catTarget('site-1', 'a.txt'))).rejects.toMatchObject({
      status: 'not_authorized',
      reason: refusal,
    });
  });

  it('are not supported where the user may not read files', async () => {
    const refused = { data: [{ type: 'error', data: 'not authorized' }] };
    const { session } = await connect({ server: refused });
    const denied = { status: 'not_supported', reason: 'not authorized' };
    await expect(firstValueFrom(session.getJobLog('j'))).rejects.toMatchObject(denied);
    await expect(lastValueFrom(session.job('j').log$)).rejects.toMatchObject(denied);
  });

  it('of the server are followed to the end of the job, and are in its result then', async () => {
    let looks = 0;
    const looked = (): FakeReply => [MISSING, 'a\n', 'a\nb\n'].map(text)[looks++] ?? text(MISSING);
    const logs = {
      get server(): FakeReply {
        return looked();
      },
    };
    const { session } = await connect(logs, () => looks > 3);
    expect(await lastValueFrom(session.job('j').log$.pipe(toArray()))).toEqual(['a\n', 'b\n']);
    const moved = {
      status: 'not_supported',
      message: expect.stringMatching(
        /moves the log of a job that has ended to its result: download/,
      ) as unknown,
    };
    await expect(firstValueFrom(session.getJobLog('j'))).rejects.toMatchObject(moved);
    await expect(lastValueFrom(session.job('j').log$)).rejects.toMatchObject(moved);
  });

  it('are none of other files', async () => {
    const { server, session } = await connect({});
    for (const id of ['..', 'a/b', 'local/..'])
      await expect(firstValueFrom(session.getJobLog(id))).rejects.toMatchObject({ status: 'bad_argument' });
    expect(server.lines).toEqual([]);
  });
});
