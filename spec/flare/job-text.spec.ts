import { lastValueFrom, type Observable, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';

import type { JobMeta } from '../../lib/flare/described-job.js';
import { FlareError, FlareStatus } from '../../lib/flare/flare-error.js';
import { jobText, type TextQuestions } from '../../lib/flare/job-text.js';

const meta = { jobId: 'j', status: 'FINISHED:COMPLETED' } as JobMeta;

function textOf(answers: Partial<TextQuestions>, site = 'site-1') {
  const questions: TextQuestions = {
    getJobMeta: () => of(meta),
    getJobLogs: () => of({ logs: {}, unavailable: {} }),
    catTarget: (): Observable<string> => of(`cat: j/log.txt: No such file or directory\n`),
    ...answers,
  };
  return lastValueFrom(jobText(questions, 'j', site));
}

describe('jobText', () => {
  it('has the log that the server keeps', async () => {
    const getJobLogs = () => of({ logs: { 'site-1': 'a' }, unavailable: {} });
    expect(await textOf({ getJobLogs })).toEqual({ text: 'a', obstacle: null, isLast: true });
  });

  it('takes a site that is called as a property of all objects for a site', async () => {
    const obstacle = 'cat: j/log.txt: No such file or directory';
    expect(await textOf({}, 'constructor')).toEqual({ text: null, obstacle, isLast: true });
  });

  it('takes a log that begins like a failure of cat for a log', async () => {
    const text = 'cat: j/log.txt: 1\nsecond line\n';
    expect(await textOf({ catTarget: () => of(text) })).toMatchObject({ text });
  });

  it('says that a site does not answer, and that this is not the last word', async () => {
    const error = new FlareError(FlareStatus.NO_REPLY, 'site-1 is silent');
    const found = await textOf({ catTarget: () => throwError(() => error) });
    expect(found).toEqual({ text: null, obstacle: error.message, isLast: false });
  });
});
