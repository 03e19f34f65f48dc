import { describe, expect, it } from 'vitest';

import type { Run } from '../ledger.js';
import { APP, APP_EVERY, APP_ONE, type PartyReport } from '../messages.js';
import { lossesSince, stillSilent } from './losses.js';

const VIEW = { id: 'A', isConnected: true, replicas: [], rejected: 0, ready: {}, droppedForOthers: 0 };

interface Figures extends Partial<Omit<Run, 'report'>> {
  readonly to?: string;
  /** By app ID. */
  readonly accepted?: Readonly<Record<number, number>>;
  readonly dropped?: number;
  readonly got?: readonly (readonly [from: string, run: number, app: number, delivered: number])[];
  readonly lost?: PartyReport['lost'];
  readonly droppedForOthers?: number;
}

function run(name: string, number: number, figures: Figures = {}): Run {
  const { to = name === 'server' ? 'site-1' : 'server', accepted = {}, dropped = 0, got = [] } = figures;
  const { lost = {}, droppedForOthers = 0, ...rest } = figures;
  const sent = Object.entries(accepted).map(([app, count], index) => ({
    to,
    app: Number(app),
    accepted: count,
    refused: {},
    dropped: index === 0 ? dropped : 0,
    evictedAt: [],
  }));
  const received = got.map(([from, of, app, delivered]) => ({
    from,
    run: of,
    app,
    delivered,
    last: delivered,
    holes: [],
    overtaken: 0,
    skips: [],
  }));
  const report = { sent, received, violations: [], lost, lagMs: 0, view: { ...VIEW, droppedForOthers } };
  return { name, run: number, report, wasKilled: false, endedWell: true, ...rest };
}

const lossesOf = (before: readonly Run[], after: readonly Run[], isEverySeen = true): readonly string[] =>
  lossesSince(before, after, 'server', isEverySeen);

describe('the losses of a round', () => {
  const hubSent = (figures: Figures = {}): Run => run('server', 1, { accepted: { [APP]: 10 }, ...figures });
  const siteGot = (delivered: number, figures: Figures = {}): Run =>
    run('site-1', 1, { got: [['server', 1, APP, delivered]], ...figures });

  it('are none where everything came, was told, or was missing before', () => {
    expect(lossesOf([], [hubSent(), siteGot(10)])).toEqual([]);
    expect(lossesOf([], [hubSent({ dropped: 2 }), siteGot(8)])).toEqual([]);
    const later = [hubSent({ accepted: { [APP]: 20 } }), siteGot(17)];
    expect(lossesOf([hubSent(), siteGot(7)], later)).toEqual([]);
  });

  it('are what nobody told of', () => {
    const loss = 'server run 1 to site-1: 3 are missing, and 1 are told as dropped';
    expect(lossesOf([], [hubSent({ dropped: 1 }), siteGot(7)])).toEqual([loss]);
    // A clean end has carried everything.
    expect(lossesOf([], [hubSent({ dropped: 1 }), siteGot(7, { lost: { clean: 1 } })])).toEqual([loss]);
    // But not where a replica had given a site up.
    const gaveUp = hubSent({ dropped: 1, lost: { TIMEOUT: 1 } });
    expect(lossesOf([], [gaveUp, siteGot(7, { lost: { clean: 1 } })])).toEqual([]);
    expect(lossesOf([], [gaveUp, siteGot(7)])).toEqual([loss]);
    const before = run('server', 1, { lost: { TIMEOUT: 1 } });
    expect(lossesOf([before], [gaveUp, siteGot(7, { lost: { clean: 1 } })])).toEqual([loss]);
    // What was told before does not count now.
    const early = [hubSent({ accepted: { [APP]: 5 }, dropped: 5 }), siteGot(0)];
    expect(lossesOf(early, [hubSent({ accepted: { [APP]: 9 }, dropped: 5 }), siteGot(3)])).toHaveLength(1);
  });

  it('are none where they may have been under way on a connection that ended, or in a process', () => {
    expect(lossesOf([], [hubSent(), siteGot(7, { lost: { TIMEOUT: 1 } })])).toEqual([]);
    expect(lossesOf([], [hubSent(), siteGot(7, { hasEnded: true })])).toEqual([]);
    expect(lossesOf([], [hubSent({ wasKilled: true, hasEnded: true }), siteGot(7)])).toEqual([]);
    // But not where all that was before.
    const past = siteGot(0, { lost: { TIMEOUT: 1 } });
    expect(lossesOf([past], [hubSent(), siteGot(7, { lost: { TIMEOUT: 1 } })])).toHaveLength(1);
  });

  describe('of a site', () => {
    const sent = (app: number, figures: Figures = {}): Run =>
      run('site-1', 1, { accepted: { [app]: 10 }, ...figures });
    const hubGot = (number: number, app: number, delivered: number, figures: Figures = {}): Run =>
      run('server', number, { got: [['site-1', 1, app, delivered]], ...figures });

    it('are found for each way to the hub', () => {
      expect(lossesOf([], [sent(APP), hubGot(1, APP, 4), hubGot(2, APP, 5)])).toEqual([
        'site-1 run 1 to server: 1 are missing, and 0 are told as dropped',
      ]);
      expect(lossesOf([], [sent(APP_ONE), hubGot(1, APP_ONE, 4), hubGot(2, APP_ONE, 5)])).toEqual([
        'messages for one of all replicas: 1 are missing, and 0 are told as dropped',
      ]);
      const [one, two] = [hubGot(1, APP_EVERY, 0), hubGot(2, APP_EVERY, 0)];
      const every = [sent(APP_EVERY), hubGot(1, APP_EVERY, 10), hubGot(2, APP_EVERY, 8)];
      expect(lossesOf([one, two], every)).toEqual([
        'messages for every replica: 2 are missing, and 0 are told as dropped',
      ]);
      // One that counted as gone gets none, nor does one that has just joined, or was gone.
      expect(lossesOf([one, two], every, false)).toEqual([]);
      expect(lossesOf([one], every)).toEqual([]);
      const gone = hubGot(2, APP_EVERY, 0, { hasEnded: true });
      expect(lossesOf([one, gone], [sent(APP_EVERY), hubGot(1, APP_EVERY, 10), gone])).toEqual([]);
    });

    it('are none where a replica told of them, the connection ended, or a replica was killed', () => {
      const told = hubGot(2, APP_ONE, 5, { droppedForOthers: 1 });
      expect(lossesOf([], [sent(APP_ONE), hubGot(1, APP_ONE, 4), told])).toEqual([]);
      expect(lossesOf([], [sent(APP, { lost: { clean: 1 } }), hubGot(1, APP, 9)])).toEqual([]);
      const killed = hubGot(1, APP, 9, { wasKilled: true, hasEnded: true });
      expect(lossesOf([], [sent(APP), killed])).toEqual([]);
      // Not where it was killed before.
      expect(lossesOf([killed], [sent(APP), killed])).toHaveLength(1);
    });
  });
});

describe('what is still silent', () => {
  it('are the paths on which nothing has come since', () => {
    const hub = run('server', 1, { accepted: { [APP]: 5 } });
    const site = (delivered: number): Run =>
      run('site-1', 1, { accepted: { [APP]: 5 }, got: [['server', 1, APP, delivered]] });
    const silent = (before: readonly Run[], after: readonly Run[]): readonly string[] =>
      stillSilent(before, after, 'server', ['site-1']);
    const heard = run('server', 1, { accepted: { [APP]: 5 }, got: [['site-1', 1, APP, 1]] });
    expect(silent([hub, site(3)], [heard, site(4)])).toEqual([]);
    expect(silent([hub, site(3)], [heard, site(3)])).toEqual([
      'server run 1 to site-1: 0 accepted, 0 refused, 0 told as dropped',
    ]);
    expect(silent([hub, site(3)], [hub, site(4)])).toEqual([
      'site-1 run 1 to server: 0 accepted, 0 refused, 0 told as dropped',
    ]);
    expect(silent([], [heard, run('site-1', 1)])).toEqual([
      'server run 1 to site-1: 5 accepted, 0 refused, 0 told as dropped',
      'site-1 run 1 does not know server',
    ]);
    expect(silent([], [run('server', 1, { hasEnded: true })])).toEqual([]);
  });
});
