import { describe, expect, it } from 'vitest';

import {
  inRoundMs,
  isStuck,
  leftMs,
} from '../../docs/examples/angular-dashboard/src/federation/stuck-job.js';

const MINUTE = 60_000;

describe('a job that nobody runs', () => {
  const running = { jobId: 'a', outcome: 'running', durationMs: 5 * MINUTE } as const;
  const site = (state: 'connected' | 'silent' | 'gone', jobs: readonly string[] | null) => ({
    ...{ name: 'site-1', lastSeen: null, resources: null, version: null },
    state,
    jobs,
  });
  const system = (state: 'connected' | 'reconnecting', ...sites: ReturnType<typeof site>[]) => ({
    session: { state, text: null },
    sites,
  });

  it.each([
    ['all sites run something else', system('connected', site('connected', ['b']), site('silent', []))],
    ['the site that ran it is gone', system('connected', site('gone', ['a']))],
  ])('is stuck where %s', (_, told) => {
    expect(isStuck(running, told)).toBe(true);
  });

  it.each([
    ['a site runs it', running, system('connected', site('connected', []), site('connected', ['a']))],
    ['a site does not say', running, system('connected', site('connected', []), site('silent', null))],
    ['the server is away', running, system('reconnecting', site('connected', []))],
    ['nothing was told', running, undefined],
    ['it has just begun', { ...running, durationMs: 5_000 }, system('connected', site('connected', []))],
    ['its age is unknown', { ...running, durationMs: null }, system('connected', site('connected', []))],
    ['it has ended', { ...running, outcome: 'aborted' } as const, system('connected', site('connected', []))],
  ])('is not said to be stuck where %s', (_, job, told) => {
    expect(isStuck(job, told)).toBe(false);
  });
});

describe('the times of a round', () => {
  const training = { roundStartTime: 0, meanRoundMs: 2 * MINUTE, rounds: 5, finishedRounds: 2 };

  it.each([
    [MINUTE, MINUTE],
    [-1_000, 0],
    [-60 * MINUTE, null],
  ])('at %d ms is %s, and never negative', (now, spent) => {
    expect(inRoundMs(training, now)).toBe(spent);
  });

  it.each([
    ['the rounds that are left', training, MINUTE, 5 * MINUTE],
    ['no more than them where clocks differ', training, -60 * MINUTE, 6 * MINUTE],
    ['less by one round at most', training, 5 * MINUTE, 4 * MINUTE],
    ['nothing once the round has overrun', training, 7 * MINUTE + 1, null],
    ['nothing without a mean', { ...training, meanRoundMs: null }, MINUTE, null],
    ['nothing without a number of rounds', { ...training, rounds: null }, MINUTE, null],
    ['not less than none', { ...training, finishedRounds: 6 }, MINUTE, 0],
  ])('estimate %s', (_, told, now, left) => {
    expect(leftMs(told, now)).toBe(left);
  });
});
