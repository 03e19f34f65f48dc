import { describe, expect, it } from 'vitest';

import type { Fault } from '../../lib/flare/dashboard/protocol.js';
import type { JobMeta } from '../../lib/flare/described-job.js';
import { failureIn } from '../../lib/flare/training-failure.js';

const meta = (status: string, deployDetail: readonly string[] = [], raw: object = {}): JobMeta =>
  ({ status, deployDetail, raw }) as unknown as JobMeta;

const fault = (site: string, text: string): Fault => ({ site, at: 1, text });
const FATAL = { text: 'Result from site-2 is bad', site: 'site-2' };

describe('the failure of a job', () => {
  it.each(['RUNNING', 'FINISHED:COMPLETED', 'FINISHED:ABORTED'])('is none of one that is %s', (status) => {
    expect(failureIn(meta(status), FATAL, [fault('site-2', 'ValueError: x')])).toBe(null);
  });

  it('is the exception of the site before what the server says of it', () => {
    const faults = [
      fault('server', 'ValueError: later'),
      fault('site-2', 'RuntimeError: no such data set'),
      fault('site-2', 'fire abort event'),
    ];
    expect(failureIn(meta('FINISHED:EXECUTION_EXCEPTION'), FATAL, faults)).toEqual({
      text: 'site-2: RuntimeError: no such data set\nResult from site-2 is bad',
      sites: ['site-2'],
    });
  });

  it('is what could not be deployed', () => {
    const detail = ['server: OK', 'site-1: OK', 'site-2: job deploy to site-2 failed'];
    expect(failureIn(meta('FINISHED:FAILED_TO_RUN', detail), null, [])).toEqual({
      text: 'site-2: job deploy to site-2 failed',
      sites: ['site-2'],
    });
  });

  it('is why it was not scheduled', () => {
    const raw = { schedule_history: ['12:00: not enough resources', '12:01: not enough sites (2)'] };
    expect(failureIn(meta('FINISHED:CAN_NOT_SCHEDULE', [], raw), null, [])).toEqual({
      text: 'FINISHED:CAN_NOT_SCHEDULE: 12:01: not enough sites (2)',
      sites: [],
    });
  });

  it('is its status where nothing tells more', () => {
    expect(failureIn(meta('FINISHED:ABNORMAL'), null, [])).toEqual({ text: 'FINISHED:ABNORMAL', sites: [] });
    const raw = { schedule_history: ['2026-11-26 12:00:00: scheduled'] };
    expect(failureIn(meta('FINISHED:ABNORMAL', [], raw), null, [])?.text).toBe('FINISHED:ABNORMAL');
  });
});
