import { CommErrorCode } from '../../../lib/index.js';
import { arrivalsOf, pathOf, type Run } from '../ledger.js';
import { APP, APP_EVERY, APP_ONE, type Received, type Sent } from '../messages.js';

/**
 * Messages that are missing since everything was well last, although nothing explains it: no `dropped` event told, and no
 * connection ended on which they may have been under way.
 *
 * @param before - when all messages had arrived, too
 * @param isEverySeen - whether each replica took each other one for alive all the while
 */
export function lossesSince(
  before: readonly Run[],
  after: readonly Run[],
  hub: string,
  isEverySeen: boolean,
): readonly string[] {
  const past = new Map(before.map((run) => [keyOf(run), run]));
  const replicas = after.filter(({ name }) => name === hub);
  const sites = after.filter(({ name }) => name !== hub);
  // A replica that gives up a silent site closes its side, and over tcp that one may see it as a clean end. Which site it
  // was, nobody counts.
  const isSilent = growthOf(replicas, past, ({ report }) => report.lost[CommErrorCode.TIMEOUT] ?? 0) > 0;
  const round = { before, after, past, hub, isSilent };
  const wasKilled = replicas.some((run) => hasEnded(run, past) && run.wasKilled);
  const dropped = growthOf(replicas, past, ({ report }) => report.view?.droppedForOthers ?? 0);
  const calm = sites.filter((site) => !wasKilled && endsOf(site.name, round, () => true) === 0);
  const one = calm.map((site) => missingOf(site, round, APP_ONE));
  const every = isEverySeen ? calm.map((site) => missingOf(site, round, APP_EVERY)) : [];
  const told = dropped + sum(calm.map((site) => toldOf(site, round)));
  return [
    ...replicas.flatMap((replica) => pathLosses(replica, round)),
    ...calm.flatMap((site) => pathLosses(site, round)),
    ...untold(sum(one), told, 'messages for one of all replicas'),
    ...untold(sum(every), told, 'messages for every replica'),
  ];
}

/**
 * The paths on which nothing has come since: from each replica to each site, and from each site to any replica.
 *
 * @param names - of the sites that must be there
 */
export function stillSilent(
  before: readonly Run[],
  after: readonly Run[],
  hub: string,
  names: readonly string[],
): readonly string[] {
  const past = new Map(before.map((run) => [keyOf(run), run]));
  const round = { before, after, past, hub, isSilent: false };
  const senders = after.filter(
    ({ name, hasEnded: isOver }) => isOver !== true && [hub, ...names].includes(name),
  );
  return senders.flatMap((sender) =>
    (sender.name === hub ? names : [hub]).flatMap((to) => {
      const entry = sender.report.sent.find((sent) => sent.to === to && sent.app === APP);
      if (entry === undefined) return [`${sender.name} run ${sender.run} does not know ${to}`];
      if (arrivedSince(entry, sender, round) > 0) return [];
      const { accepted, refused, dropped } = sentSince(entry, sender, round);
      return [
        `${pathOf(entry, sender)}: ${accepted} accepted, ${refused} refused, ${dropped} told as dropped`,
      ];
    }),
  );
}

interface RoundOfRuns {
  readonly before: readonly Run[];
  readonly after: readonly Run[];
  readonly past: ReadonlyMap<string, Run>;
  readonly hub: string;
  /** Whether a replica has given up any site that was silent. */
  readonly isSilent: boolean;
}

/** Of one sender, to each receiver. */
function pathLosses(sender: Run, round: RoundOfRuns): readonly string[] {
  if (sender.wasKilled) return [];
  return sender.report.sent
    .filter(({ app }) => app === APP)
    .filter(
      ({ to }) => to === round.hub || endsOf(to, round, (code) => round.isSilent || code !== 'clean') === 0,
    )
    .flatMap((entry) => {
      const { accepted, dropped } = sentSince(entry, sender, round);
      return untold(accepted - arrivedSince(entry, sender, round), dropped, pathOf(entry, sender));
    });
}

/** What of one site has not come, for an application that any replica serves. */
function missingOf(site: Run, round: RoundOfRuns, app: number): number {
  const entries = site.report.sent.filter((entry) => entry.app === app);
  if (app === APP_ONE)
    return sum(
      entries.map((entry) => sentSince(entry, site, round).accepted - arrivedSince(entry, site, round)),
    );
  const steady = round.after.filter(
    (run) => run.name === round.hub && run.hasEnded !== true && round.past.has(keyOf(run)),
  );
  return sum(
    entries.flatMap((entry) =>
      steady.map((replica) => {
        const past = round.past.get(keyOf(replica));
        const arrived =
          countOf(arrivalsOf(entry, site, [replica])) - countOf(arrivalsOf(entry, site, past ? [past] : []));
        return sentSince(entry, site, round).accepted - arrived;
      }),
    ),
  );
}

function toldOf(site: Run, round: RoundOfRuns): number {
  return sum(site.report.sent.map((entry) => sentSince(entry, site, round).dropped));
}

interface SentSince {
  readonly accepted: number;
  readonly refused: number;
  readonly dropped: number;
}

function sentSince(entry: Sent, sender: Run, { past }: RoundOfRuns): SentSince {
  const known = past
    .get(keyOf(sender))
    ?.report.sent.find(({ to, app }) => to === entry.to && app === entry.app);
  return {
    accepted: entry.accepted - (known?.accepted ?? 0),
    refused: sum(Object.values(entry.refused)) - sum(Object.values(known?.refused ?? {})),
    dropped: entry.dropped - (known?.dropped ?? 0),
  };
}

function arrivedSince(entry: Sent, sender: Run, { before, after }: RoundOfRuns): number {
  return countOf(arrivalsOf(entry, sender, after)) - countOf(arrivalsOf(entry, sender, before));
}

function countOf(arrivals: readonly Received[]): number {
  return sum(arrivals.map(({ delivered }) => delivered));
}

/** How many connections of a site ended in a way, and of its processes in any. */
function endsOf(name: string, { after, past }: RoundOfRuns, isSuch: (code: string) => boolean): number {
  const runs = after.filter((run) => run.name === name);
  const ended = runs.filter((run) => hasEnded(run, past)).length;
  const lost = growthOf(runs, past, ({ report }) =>
    sum(Object.entries(report.lost).map(([code, count]) => (isSuch(code) ? count : 0))),
  );
  return ended + lost;
}

function growthOf(runs: readonly Run[], past: ReadonlyMap<string, Run>, count: (run: Run) => number): number {
  return sum(
    runs.map((run) => {
      const known = past.get(keyOf(run));
      return count(run) - (known === undefined ? 0 : count(known));
    }),
  );
}

/** Its process has ended meanwhile. */
function hasEnded(run: Run, past: ReadonlyMap<string, Run>): boolean {
  return run.hasEnded === true && past.get(keyOf(run))?.hasEnded !== true;
}

function untold(missing: number, told: number, what: string): readonly string[] {
  return missing <= told ? [] : [`${what}: ${missing} are missing, and ${told} are told as dropped`];
}

function keyOf({ name, run }: Run): string {
  return `${name} ${run}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
