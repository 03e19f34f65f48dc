import { APP, APP_EVERY, type PartyReport, type Received, type Sent, type Span } from './messages.js';

/** One run of a party: what it reported last, and how it ended. */
export interface Run {
  readonly name: string;
  readonly run: number;
  readonly report: PartyReport;
  /** Its last report may be older than its last message, and nothing more is known. */
  readonly wasKilled: boolean;
  /** Its last connection carried everything: it ended in good order over a line without faults. */
  readonly endedWell: boolean;
  /** Its process is gone. Default: it may be there. */
  readonly hasEnded?: boolean;
}

/** What became of all messages. */
export interface Account {
  readonly sent: number;
  readonly delivered: number;
  /** By `send`, under the code of the CommError. */
  readonly refused: Readonly<Record<string, number>>;
  /** Accepted and not delivered: reported as `dropped`. */
  readonly dropped: number;
  /** Accepted and not delivered: handed to the system for a connection that ended, or in a process that was killed. */
  readonly inFlight: number;
  readonly requests: Requests;
  readonly violations: readonly string[];
}

/** What became of the requests of all cells. */
export interface Requests {
  readonly asked: number;
  /** Replies under `ok`, errors under their return code. */
  readonly ended: Readonly<Record<string, number>>;
  readonly handled: number;
  /** Open when their process was killed. */
  readonly lost: number;
  /** How long after its time-out a request ended, at most. */
  readonly latestMs: number;
}

/**
 * Balances what was sent with what arrived.
 *
 * A message that `send` accepted may be missing only where its connection ended: it is reported as `dropped`, or it
 * was with the operating system already. A connection loses its last messages, never one in the middle and never the
 * first ones. Whatever else is missing is an unreported loss, and so is everything that is missing where the sender
 * ended well.
 */
export function balance(runs: readonly Run[]): Account {
  const violations = runs.flatMap(({ name, run, report }) =>
    report.violations.map((violation) => `${name} run ${run}: ${violation}`),
  );
  const refused: Record<string, number> = {};
  let [sent, delivered, dropped, inFlight] = [0, 0, 0, 0];
  for (const sender of runs) {
    for (const entry of sender.report.sent) {
      // What every replica gets has no one receiver: see `lossesSince`.
      if (entry.app === APP_EVERY) continue;
      for (const [code, count] of Object.entries(entry.refused)) refused[code] = (refused[code] ?? 0) + count;
      const arrivals = arrivalsOf(entry, sender, runs);
      const arrived = sum(arrivals.map((arrival) => arrival.delivered));
      const accepted = sender.wasKilled
        ? Math.max(entry.accepted, ...arrivals.map(({ last }) => last))
        : entry.accepted;
      const missing = accepted - arrived;
      sent += accepted;
      delivered += arrived;
      dropped += Math.min(missing, entry.dropped);
      inFlight += Math.max(0, missing - entry.dropped);
      violations.push(...faultsOf(entry, sender, arrivals, missing));
    }
  }
  const requests = requestsOf(runs);
  for (const { name, run, report, wasKilled } of runs)
    if (!wasKilled && report.cell !== undefined && report.cell.open > 0)
      violations.push(`${name} run ${run}: ${report.cell.open} requests have not ended, at the end`);
  return { sent, delivered, refused, dropped, inFlight, requests, violations };
}

function requestsOf(runs: readonly Run[]): Requests {
  const ended: Record<string, number> = {};
  let [asked, handled, lost, latestMs] = [0, 0, 0, -Infinity];
  for (const { report, wasKilled } of runs) {
    if (report.cell === undefined) continue;
    for (const [code, count] of Object.entries(report.cell.ended)) ended[code] = (ended[code] ?? 0) + count;
    asked += report.cell.asked;
    handled += report.cell.handled;
    if (wasKilled) lost += report.cell.open;
    latestMs = Math.max(latestMs, report.cell.latestMs);
  }
  return { asked, ended, handled, lost, latestMs };
}

function faultsOf(
  entry: Sent,
  sender: Run,
  arrivals: readonly Received[],
  missing: number,
): readonly string[] {
  const path = pathOf(entry, sender);
  const faults: string[] = [];
  if (missing < 0) faults.push(`${path}: ${-missing} more were delivered than sent`);
  for (const { from, to } of deliveredTwice(arrivals))
    faults.push(`${path}: ${from} to ${to} were delivered by two receivers`);
  for (const { from, to } of arrivals.flatMap(({ skips }) => skips)) {
    // What was written to a connection is lost when a newcomer takes its place; what waited goes out on that.
    const evictedAt = entry.evictedAt.find((sequence) => sequence >= from) ?? 0;
    if (evictedAt >= to) continue;
    faults.push(`${path}: ${from} to ${to} are missing at the beginning of a connection`);
  }
  const last = Math.max(0, ...arrivals.map((arrival) => arrival.last));
  if (sender.endedWell && last < entry.accepted && entry.accepted - last > entry.dropped) {
    faults.push(`${path}: ${last + 1} to ${entry.accepted} are missing at the end, and nothing had failed`);
  }
  return faults;
}

/** The name of what one run sends to one receiver for one application. */
export function pathOf({ to, app }: Sent, { name, run }: Pick<Run, 'name' | 'run'>): string {
  return `${name} run ${run} to ${to}${app === APP ? '' : ` app ${app}`}`;
}

/** What the receiver, in all its runs, got of one run of a sender. */
export function arrivalsOf(
  entry: Sent,
  sender: Pick<Run, 'name' | 'run'>,
  runs: readonly Run[],
): readonly Received[] {
  return runs
    .filter(({ name }) => name === entry.to)
    .flatMap(({ report }) => report.received)
    .filter(({ from, run, app }) => from === sender.name && run === sender.run && app === entry.app);
}

/** What two runs of a receiver got both. */
function deliveredTwice(arrivals: readonly Received[]): readonly Span[] {
  const got = arrivals.flatMap(spansOf).sort((a, b) => a.from - b.from);
  let to = 0;
  return got.flatMap((span) => {
    const twice = { from: span.from, to: Math.min(span.to, to) };
    to = Math.max(to, span.to);
    return twice.from <= twice.to ? [twice] : [];
  });
}

/** The sequences that came. */
function spansOf({ holes, last }: Received): readonly Span[] {
  const edges = [...holes, { from: last + 1, to: last + 1 }].sort((a, b) => a.from - b.from);
  return edges
    .map(({ from }, index) => ({ from: (edges[index - 1]?.to ?? 0) + 1, to: from - 1 }))
    .filter(({ from, to }) => from <= to);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
