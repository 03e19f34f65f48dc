import { describe, expect, it } from 'vitest';

import { balance, type Run } from './ledger.js';
import { APP, type Received, type Sent } from './messages.js';

function site(sent: Partial<Sent>, run: Partial<Run> = {}): Run {
  const entry = { to: 'hub', app: APP, accepted: 0, refused: {}, dropped: 0, evictedAt: [], ...sent };
  const report = { sent: [entry], received: [], violations: [], lost: {}, lagMs: 0 };
  return { name: 'site-1', run: 1, report, wasKilled: false, endedWell: false, ...run };
}

function hub(received: Partial<Received>, run = 1): Run {
  const nothing = { delivered: 0, last: 0, overtaken: 0, holes: [], skips: [] };
  const entry = { from: 'site-1', run: 1, app: APP, ...nothing, ...received };
  const report = { sent: [], received: [entry], violations: [], lost: {}, lagMs: 0 };
  return { name: 'hub', run, report, wasKilled: false, endedWell: false };
}

describe('the ledger', () => {
  it('balances what was sent with what arrived, was dropped and was under way', () => {
    const sender = site({ accepted: 100, dropped: 3, refused: { CLOSED: 7 } });
    expect(balance([sender, hub({ delivered: 90, last: 90 })])).toEqual({
      sent: 100,
      delivered: 90,
      refused: { CLOSED: 7 },
      dropped: 3,
      inFlight: 7,
      requests: { asked: 0, ended: {}, handled: 0, lost: 0, latestMs: -Infinity },
      violations: [],
    });
  });

  it('adds up the requests, and finds those that have not ended', () => {
    const cell = (open: number) => ({
      asked: 5,
      ended: { ok: 2, timeout: 1 },
      open,
      latestMs: -open,
      handled: 4,
    });
    const runOf = (open: number, wasKilled: boolean): Run => {
      const run = site({}, { wasKilled });
      return { ...run, report: { ...run.report, cell: cell(open) } };
    };
    const { requests, violations } = balance([runOf(2, true), runOf(1, false)]);
    expect(requests).toEqual({ asked: 10, ended: { ok: 4, timeout: 2 }, handled: 8, lost: 2, latestMs: -1 });
    expect(violations).toEqual(['site-1 run 1: 1 requests have not ended, at the end']);
  });

  it('adds up what all runs of a receiver got', () => {
    const runs = [
      site({ accepted: 100 }),
      hub({ delivered: 40, last: 40 }),
      hub({ delivered: 50, last: 100, holes: [{ from: 1, to: 50 }] }, 2),
    ];
    expect(balance(runs)).toMatchObject({ delivered: 90, inFlight: 10, violations: [] });
  });

  it('does not take what was dropped, but had arrived, for lost', () => {
    const runs = [site({ accepted: 10, dropped: 2 }), hub({ delivered: 10, last: 10 })];
    expect(balance(runs)).toMatchObject({ dropped: 0, inFlight: 0, violations: [] });
  });

  it('finds what is missing at the end of a sender that ended well', () => {
    const sender = site({ accepted: 10, dropped: 1 }, { endedWell: true });
    expect(balance([sender, hub({ delivered: 9, last: 9 })]).violations).toEqual([]);
    expect(balance([sender, hub({ delivered: 8, last: 8 })]).violations).toEqual([
      'site-1 run 1 to hub: 9 to 10 are missing at the end, and nothing had failed',
    ]);
  });

  it('finds what is missing at the beginning of a connection, unless that took the place of another', () => {
    const receiver = hub({ delivered: 8, last: 10, skips: [{ from: 3, to: 4 }] });
    expect(balance([site({ accepted: 10 }), receiver]).violations).toEqual([
      'site-1 run 1 to hub: 3 to 4 are missing at the beginning of a connection',
    ]);
    expect(balance([site({ accepted: 10, evictedAt: [4] }), receiver]).violations).toEqual([]);
  });

  it('knows of a sender that was killed what it reported last, or what arrived after that', () => {
    const sender = site({ accepted: 10 }, { wasKilled: true });
    expect(balance([sender, hub({ delivered: 12, last: 12 })])).toMatchObject({ sent: 12, violations: [] });
  });

  it('finds what was delivered and never sent', () => {
    expect(balance([site({ accepted: 10 }), hub({ delivered: 12, last: 12 })]).violations).toEqual([
      'site-1 run 1 to hub: 2 more were delivered than sent',
    ]);
  });

  it('finds what two receivers got, even where as much is lost', () => {
    const first = hub({ delivered: 6, last: 8, holes: [{ from: 3, to: 4 }] });
    const second = hub(
      {
        delivered: 4,
        last: 10,
        holes: [
          { from: 1, to: 2 },
          { from: 5, to: 8 },
        ],
      },
      2,
    );
    expect(balance([site({ accepted: 10 }), first, second]).violations).toEqual([]);
    const overlapping = hub({ delivered: 4, last: 10, holes: [{ from: 1, to: 6 }] }, 2);
    expect(balance([site({ accepted: 10 }), first, overlapping]).violations).toEqual([
      'site-1 run 1 to hub: 7 to 8 were delivered by two receivers',
    ]);
  });

  it('passes on what a party found itself', () => {
    const sender = site({});
    const found = { ...sender, report: { ...sender.report, violations: ['a duplicate'] } };
    expect(balance([found]).violations).toEqual(['site-1 run 1: a duplicate']);
  });
});
