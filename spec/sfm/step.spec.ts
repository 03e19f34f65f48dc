import { asyncScheduler } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';

import { CommError, CommErrorCode, RefusedError } from '../../lib/comm-error.js';
import { Endpoint, EndpointState } from '../../lib/endpoint.js';
import { resolveOptions } from '../../lib/options.js';
import { Peer } from '../../lib/sfm/peer.js';
import type { Session } from '../../lib/sfm/session.js';
import { type Rules, step } from '../../lib/sfm/step.js';
import { NOTHING } from '../../lib/stats.js';
import { type Effect, EMPTY_WORLD, type Input, type Seat, type World } from '../../lib/sfm/world.js';

const NAME = 'site-1';

/** A session that is nothing but what `step` reads of it. */
class PlainSession {
  readonly role = { handle: 'CH00001' };
  readonly connection: { name: string; properties: { peer_addr: string } };
  isOpen = true;
  isReady = true;
  isVerifying = false;
  endpoint: Endpoint | undefined;
  readonly label: string;

  constructor(label: string) {
    this.label = label;
    this.connection = { name: label, properties: { peer_addr: `${label}:1` } };
  }

  describe(): string {
    return this.label;
  }
}

const RULES: Rules = {
  ...resolveOptions(),
  maxDisconnectedEndpoints: 2,
  makePeer: (name) => new Peer(name, resolveOptions({ scheduler: asyncScheduler })),
};

/** The sessions by label, so that each test names them in plain text. */
let sessions: Map<string, PlainSession>;

beforeEach(() => {
  sessions = new Map();
});

function plain(label: string): PlainSession {
  const session = sessions.get(label) ?? new PlainSession(label);
  sessions.set(label, session);
  return session;
}

const sessionOf = (label: string) => plain(label) as unknown as Session;
const endpointOf = (name = NAME) => new Endpoint(name, {}, {}, EndpointState.READY);
const closedWith = new CommError(CommErrorCode.CLOSED, 'reset');
const refusedWith = new CommError(CommErrorCode.BAD_CONFIG, 'bad token');

const opened = (label: string): Input => ({ type: 'opened', session: sessionOf(label) });
const closed = (label: string, error?: CommError): Input => ({
  type: 'closed',
  session: sessionOf(label),
  error,
});

/** Where the peer is let in; its session knows the endpoint from then on, as by the effect `welcome`. */
function admitted(
  label: string,
  { name = NAME, at = 0, over = undefined as string | undefined } = {},
): Input {
  const endpoint = endpointOf(name);
  return {
    type: 'admitted',
    session: sessionOf(label),
    endpoint,
    at,
    over: over === undefined ? undefined : sessionOf(over),
  };
}

/** The endpoint is at another replica. */
const remote = (replica: string, name = NAME): Input => ({
  type: 'remote',
  at: 0,
  changes: [{ name, replica, endpoint: endpointOf(name) }],
});

const of =
  (type: 'greeted' | 'ready' | 'settled' | 'overdue' | 'ask' | 'unanswered' | 'silent' | 'retire') =>
  (label: string): Input =>
    type === 'greeted' || type === 'ready'
      ? { type, session: sessionOf(label), endpoint: endpointOf() }
      : { type, session: sessionOf(label) };

/** Steps through inputs, performs of the effects what a session would know, and answers all worlds. */
function walk(inputs: readonly Input[], rules: Partial<Rules> = {}): World {
  const next = step({ ...RULES, ...rules });
  let world = EMPTY_WORLD;
  const queue = [...inputs];
  for (let input = queue.shift(); input !== undefined; input = queue.shift()) {
    world = next(world, input);
    for (const effect of world.effects) {
      if (effect.type === 'welcome') plain(effect.session.connection.name).endpoint = effect.endpoint;
      if (effect.type === 'then') queue.unshift(effect.input);
    }
  }
  return world;
}

/** One step from a world, without what it leaves to be done in steps of its own. */
function once(world: World, input: Input, rules: Partial<Rules> = {}): World {
  return step({ ...RULES, ...rules })(world, input);
}

/** A world in a few words: `site-1 READY by A`. */
function shown({ seats }: World): string[] {
  return [...seats.values()].map(({ endpoint: { name, state }, session, replica, isRemoved }) =>
    [
      name,
      state,
      ...(session === undefined ? [] : ['by', labelOf(session)]),
      ...(replica === undefined ? [] : ['at', replica]),
      ...(isRemoved ? ['removed'] : []),
    ].join(' '),
  );
}

/** The effects in a few words: `tell READY`, `close A CLOSED`. */
function done({ effects }: World): string[] {
  return effects.map((effect) => describeEffect(effect));
}

function describeEffect(effect: Effect): string {
  switch (effect.type) {
    case 'tell':
      return `tell ${effect.event.type === 'endpoint' ? effect.event.endpoint.state : effect.event.type}`;
    case 'close':
      return `close ${labelOf(effect.session)} ${effect.reason?.code ?? 'in order'}`;
    case 'refuse':
      return `refuse ${labelOf(effect.session)} ${effect.reason.code} ${effect.told}`;
    case 'route':
      return `route to ${effect.session === undefined ? 'nobody' : labelOf(effect.session)}`;
    case 'account':
      return `account ${labelOf(effect.session)}${effect.wasLive ? ' with what waits' : ''}`;
    case 'then':
      return `then ${effect.input.type} ${'names' in effect.input ? [...effect.input.names].join() : ''}`;
    case 'hand-over':
      return `hand over ${effect.peers.length} to ${effect.replica}`;
    case 'account-away':
      return `account ${effect.lost === undefined ? 'what waits' : 'what was on its way'}`;
    case 'route-away':
      return 'route away';
    case 'return-relayed':
      return 'return relayed';
    case 'release':
    case 'remove-away':
      return `${effect.type} ${effect.endpointName}`;
    default:
      return `${effect.type} ${labelOf(effect.session)}`;
  }
}

function labelOf({ connection }: Session): string {
  return connection.name;
}

function seatIn(world: World, name = NAME): Seat {
  const seat = world.seats.get(name);
  if (seat === undefined) throw new Error(`there is no seat of ${name}`);
  return seat;
}

/** The states of a seat, with the inputs that lead there. A is, or was, its session; B is a newcomer, C a stranger. */
const STATES = {
  unknown: () => [],
  READY: () => [admitted('A')],
  CLOSING: () => [admitted('A'), of('retire')('A')],
  'CLOSING, to be removed': (): Input[] => [admitted('A'), { type: 'remove', name: NAME }],
  DISCONNECTED: () => [admitted('A'), closed('A')],
  'READY by B': () => [admitted('A'), admitted('B')],
  'READY at R': () => [remote('R')],
} satisfies Record<string, () => Input[]>;

type StateName = keyof typeof STATES;

const CLOSING = `${NAME} CLOSING by A`;
const REMOVED = `${NAME} CLOSING by A removed`;
const GONE = `${NAME} DISCONNECTED`;
const AWAY = `${NAME} READY at R`;
const UNCHANGED = 'unchanged';

/** What an input makes of each state, and leaves to be done. */
const TABLE: readonly [string, () => Input, Record<StateName, readonly [string, readonly string[]]>][] = [
  ['opened', () => opened('C'), sameFor(['tell connected'])],
  ['greeted', () => of('greeted')('C'), sameFor(['note-greeted C'])],
  ['ready', () => of('ready')('C'), sameFor(['note-ready C'])],
  [
    'admitted of a stranger',
    () => admitted('C'),
    {
      unknown: [`${NAME} READY by C`, ['tell READY', 'welcome C']],
      READY: [`${NAME} READY by C`, ['route to nobody', 'welcome C', 'tell evicted', 'close A CLOSED']],
      CLOSING: [
        `${NAME} READY by C`,
        ['route to nobody', 'tell READY', 'welcome C', 'tell evicted', 'close A CLOSED'],
      ],
      'CLOSING, to be removed': [
        `${NAME} READY by C`,
        ['route to nobody', 'tell READY', 'welcome C', 'tell evicted', 'close A CLOSED'],
      ],
      DISCONNECTED: [`${NAME} READY by C`, ['tell READY', 'welcome C']],
      'READY by B': [
        `${NAME} READY by C`,
        ['route to nobody', 'welcome C', 'tell evicted', 'close B CLOSED'],
      ],
      'READY at R': [`${NAME} READY by C`, ['route to nobody', 'tell READY', 'welcome C']],
    },
  ],
  [
    'refused',
    () => ({
      type: 'refused',
      session: sessionOf('C'),
      endpoint: endpointOf(),
      error: refusedWith,
      told: 'why',
    }),
    sameFor(['tell refused', 'refuse C BAD_CONFIG why']),
  ],
  [
    'rejected',
    () => ({ type: 'rejected', session: sessionOf('C'), error: new RefusedError('C', 'log in') }),
    sameFor(['tell refused', 'close C REFUSED']),
  ],
  [
    'unverified',
    () => ({
      type: 'unverified',
      session: sessionOf('C'),
      endpoint: endpointOf(),
      error: refusedWith,
    }),
    sameFor(['tell callback-error']),
  ],
  ['overdue', () => of('overdue')('C'), sameFor(['close C TIMEOUT'])],
  ['ask', () => of('ask')('A'), sameFor(['ping A'])],
  ['unanswered', () => of('unanswered')('A'), sameFor(['settle A'])],
  ['silent', () => of('silent')('A'), sameFor(['close A TIMEOUT'])],
  [
    'settled',
    () => of('settled')('A'),
    {
      unknown: [UNCHANGED, []],
      READY: [UNCHANGED, ['route to A']],
      CLOSING: [UNCHANGED, ['route to A']],
      'CLOSING, to be removed': [UNCHANGED, ['route to A']],
      DISCONNECTED: [UNCHANGED, []],
      'READY by B': [UNCHANGED, []],
      'READY at R': [UNCHANGED, []],
    },
  ],
  [
    'closed',
    () => closed('A', closedWith),
    {
      unknown: [UNCHANGED, ['tell disconnected']],
      READY: [GONE, ['account A with what waits', 'tell disconnected', 'tell DISCONNECTED']],
      CLOSING: [GONE, ['account A with what waits', 'tell disconnected', 'tell DISCONNECTED']],
      'CLOSING, to be removed': [
        `${GONE} removed`,
        ['account A with what waits', 'tell disconnected', 'tell DISCONNECTED', `then forget ${NAME}`],
      ],
      DISCONNECTED: [UNCHANGED, ['account A', 'tell disconnected']],
      'READY by B': [UNCHANGED, ['account A', 'tell disconnected']],
      'READY at R': [UNCHANGED, ['tell disconnected']],
    },
  ],
  ['closed of a stranger', () => closed('C'), sameFor(['tell disconnected'])],
  [
    'retire',
    () => of('retire')('A'),
    {
      unknown: [UNCHANGED, ['drain A']],
      READY: [CLOSING, ['tell CLOSING', 'drain A']],
      CLOSING: [UNCHANGED, ['drain A']],
      'CLOSING, to be removed': [UNCHANGED, ['drain A']],
      DISCONNECTED: [UNCHANGED, ['drain A']],
      'READY by B': [UNCHANGED, ['drain A']],
      'READY at R': [UNCHANGED, ['drain A']],
    },
  ],
  [
    'remove',
    () => ({ type: 'remove', name: NAME }),
    {
      unknown: [UNCHANGED, []],
      READY: [REMOVED, ['tell CLOSING', 'drain A']],
      CLOSING: [REMOVED, ['drain A']],
      'CLOSING, to be removed': [UNCHANGED, ['drain A']],
      DISCONNECTED: ['', []],
      'READY by B': [`${NAME} CLOSING by B removed`, ['tell CLOSING', 'drain B']],
      'READY at R': [`${NAME} CLOSING at R removed`, ['tell CLOSING', `remove-away ${NAME}`]],
    },
  ],
  [
    'forget',
    () => ({ type: 'forget', names: new Set([NAME, 'nobody']) }),
    { ...sameFor([]), DISCONNECTED: ['', []] },
  ],
  ['close', () => ({ type: 'close', session: sessionOf('A') }), sameFor(['close A in order'])],
  [
    'close with a reason',
    () => ({ type: 'close', session: sessionOf('A'), reason: closedWith }),
    sameFor(['close A CLOSED']),
  ],
  [
    'report',
    () => ({ type: 'report', event: { type: 'listening', handle: 'CH00001', url: 'tcp://0:8002' } }),
    sameFor(['tell listening']),
  ],
  [
    'remote',
    () => remote('R'),
    {
      unknown: [AWAY, ['route away', 'tell READY']],
      READY: [
        AWAY,
        ['route to nobody', 'return relayed', 'route away', 'tell READY', 'tell evicted', 'close A CLOSED'],
      ],
      CLOSING: [
        AWAY,
        ['route to nobody', 'return relayed', 'route away', 'tell READY', 'tell evicted', 'close A CLOSED'],
      ],
      'CLOSING, to be removed': [
        AWAY,
        ['route to nobody', 'return relayed', 'route away', 'tell READY', 'tell evicted', 'close A CLOSED'],
      ],
      DISCONNECTED: [AWAY, ['route away', 'tell READY']],
      'READY by B': [
        AWAY,
        ['route to nobody', 'return relayed', 'route away', 'tell READY', 'tell evicted', 'close B CLOSED'],
      ],
      'READY at R': [AWAY, ['route away']],
    },
  ],
  [
    'remote at a third one',
    () => remote('S'),
    {
      unknown: [`${NAME} READY at S`, ['route away', 'tell READY']],
      READY: [
        `${NAME} READY at S`,
        ['route to nobody', 'return relayed', 'route away', 'tell READY', 'tell evicted', 'close A CLOSED'],
      ],
      CLOSING: [
        `${NAME} READY at S`,
        ['route to nobody', 'return relayed', 'route away', 'tell READY', 'tell evicted', 'close A CLOSED'],
      ],
      'CLOSING, to be removed': [
        `${NAME} READY at S`,
        ['route to nobody', 'return relayed', 'route away', 'tell READY', 'tell evicted', 'close A CLOSED'],
      ],
      DISCONNECTED: [`${NAME} READY at S`, ['route away', 'tell READY']],
      'READY by B': [
        `${NAME} READY at S`,
        ['route to nobody', 'return relayed', 'route away', 'tell READY', 'tell evicted', 'close B CLOSED'],
      ],
      'READY at R': [`${NAME} READY at S`, ['route away', 'tell READY']],
    },
  ],
  [
    'remote, gone from there',
    () => ({ type: 'remote', at: 0, changes: [{ name: NAME, replica: 'R' }] }),
    {
      unknown: [UNCHANGED, []],
      READY: [UNCHANGED, []],
      CLOSING: [UNCHANGED, []],
      'CLOSING, to be removed': [UNCHANGED, []],
      DISCONNECTED: [UNCHANGED, []],
      'READY by B': [UNCHANGED, []],
      'READY at R': [GONE, ['account what waits', 'tell DISCONNECTED']],
    },
  ],
  [
    'yield',
    () => ({ type: 'yield', name: NAME, replica: 'R', at: 0 }),
    {
      unknown: [UNCHANGED, []],
      READY: [AWAY, ['route to nobody', 'return relayed', 'tell evicted', 'close A CLOSED']],
      CLOSING: [
        `${NAME} CLOSING at R`,
        ['route to nobody', 'return relayed', 'tell evicted', 'close A CLOSED'],
      ],
      'CLOSING, to be removed': [
        `${NAME} CLOSING at R removed`,
        ['route to nobody', 'return relayed', 'tell evicted', 'close A CLOSED'],
      ],
      DISCONNECTED: [UNCHANGED, []],
      'READY by B': [AWAY, ['route to nobody', 'return relayed', 'tell evicted', 'close B CLOSED']],
      'READY at R': [UNCHANGED, []],
    },
  ],
  [
    'replica-closing',
    () => ({ type: 'replica-closing', replica: 'R' }),
    {
      ...sameFor(['hand over 0 to R']),
      'READY at R': [`${NAME} CLOSING at R`, ['tell CLOSING', 'hand over 1 to R']],
    },
  ],
  [
    'lost',
    () => ({ type: 'lost', name: NAME, undelivered: NOTHING, unknown: NOTHING }),
    sameFor(['account what was on its way']),
  ],
];

/** An input that changes no state, and leaves the same to be done in each. */
function sameFor(effects: readonly string[]): Record<StateName, readonly [string, readonly string[]]> {
  const same = [UNCHANGED, effects] as const;
  return {
    unknown: same,
    READY: same,
    CLOSING: same,
    'CLOSING, to be removed': same,
    DISCONNECTED: same,
    'READY by B': same,
    'READY at R': same,
  };
}

const CASES = TABLE.flatMap(([label, input, outcomes]) =>
  (Object.keys(STATES) as StateName[]).map((state) => ({ label, input, state, outcome: outcomes[state] })),
);

describe('a step', () => {
  it.each(CASES)('$label where the seat is $state', ({ input, state, outcome: [expected, effects] }) => {
    const before = walk(STATES[state]());
    const after = once(before, input());
    expect(shown(after).join()).toBe(expected === UNCHANGED ? shown(before).join() : expected);
    expect(done(after)).toEqual(effects);
    const isNews = before.seats.get(NAME)?.endpoint !== after.seats.get(NAME)?.endpoint;
    expect(after.changed).toEqual(isNews ? [NAME] : []);
  });

  it('has a case for every input', () => {
    // The compiler knows which inputs there are.
    const all: Record<Input['type'], true> = {
      opened: true,
      greeted: true,
      admitted: true,
      refused: true,
      unverified: true,
      overdue: true,
      ready: true,
      ask: true,
      unanswered: true,
      settled: true,
      rejected: true,
      silent: true,
      closed: true,
      retire: true,
      remove: true,
      forget: true,
      close: true,
      report: true,
      remote: true,
      yield: true,
      'replica-closing': true,
      lost: true,
    };
    expect(new Set(TABLE.map(([, input]) => input().type))).toEqual(new Set(Object.keys(all)));
  });

  it('takes many endpoints of a replica at a time, and forgets those that are gone beyond the limit', () => {
    const names = Array.from({ length: 50 }, (_, n) => `site-${n}`);
    const joined = names.map((name) => ({ name, replica: 'R', endpoint: endpointOf(name) }));
    const gone = names.map((name) => ({ name, replica: 'R' }));
    const here = walk([{ type: 'remote', at: 0, changes: joined }]);
    expect(here.endpoints.size).toBe(50);
    expect(here.changed).toEqual(names);
    const left = walk([
      { type: 'remote', at: 0, changes: joined },
      { type: 'remote', at: 0, changes: gone },
    ]);
    // The last two of `maxDisconnectedEndpoints`.
    expect(shown(left)).toEqual(['site-48 DISCONNECTED', 'site-49 DISCONNECTED']);
    expect(left.gone.size).toBe(2);
  });

  it('leaves the world before as it was', () => {
    const before = walk([admitted('A')]);
    const [seats, endpoints, gone] = [[...before.seats], [...before.endpoints], [...before.gone]];
    for (const { input } of CASES) once(before, input());
    expect([[...before.seats], [...before.endpoints], [...before.gone]]).toEqual([seats, endpoints, gone]);
  });

  it('closes one who is refused with the code and the detail of the refusal', () => {
    const error = new CommError(CommErrorCode.BAD_DATA, 'evil', { detail: 'certificate-name' });
    const refused: Input = {
      type: 'refused',
      session: sessionOf('A'),
      endpoint: endpointOf(),
      error,
      told: 'why',
    };
    expect(once(EMPTY_WORLD, refused).effects.at(-1)).toMatchObject({
      type: 'refuse',
      reason: { code: CommErrorCode.BAD_DATA, detail: 'certificate-name' },
    });
  });

  it('tells of a refusal who refuses, and lets the connector stop where an option says so', () => {
    const rejected: Input = {
      type: 'rejected',
      session: sessionOf('A'),
      error: new RefusedError('A', 'log in'),
    };
    const told = once(EMPTY_WORLD, rejected, { afterRefusal: 'stop' });
    expect(done(told)).toEqual(['tell refused', 'give-up A', 'close A REFUSED']);
    expect(told.effects[0]).toMatchObject({ event: { by: 'peer', reason: 'log in' } });
    const refused: Input = {
      type: 'refused',
      session: sessionOf('A'),
      endpoint: endpointOf(),
      error: refusedWith,
      told: '',
    };
    expect(once(EMPTY_WORLD, refused).effects[0]).toMatchObject({ event: { by: 'us' } });
  });

  it('does nothing for one who is let in, and has ended by then', () => {
    plain('A').isOpen = false;
    const world = walk([admitted('A')]);
    // The cluster, where there is one, has given the name.
    expect([shown(world), done(world)]).toEqual([[], ['release site-1']]);
  });
});

describe('who has a name', () => {
  const incumbent = { duplicateName: 'incumbent' } as const;

  it.each([
    ['newcomer', 'a live incumbent', 'B', { isReady: true }, undefined],
    ['newcomer', 'an incumbent that is not ready', 'B', { isReady: false }, undefined],
    ['incumbent', 'a live incumbent', 'A', { isReady: true }, undefined],
    ['incumbent', 'a live incumbent, decided over another one', 'A', { isReady: true }, 'C'],
    ['incumbent', 'an incumbent that was taken for dead', 'B', { isReady: true }, 'A'],
    ['incumbent', 'an incumbent that is not ready any more', 'B', { isReady: false }, undefined],
  ] as const)('under %s against %s is %s', (duplicateName, _, winner, life, over) => {
    const before = walk([admitted('A')]);
    Object.assign(plain('A'), life);
    const after = once(before, admitted('B', { over }), { duplicateName });
    expect(shown(after)).toEqual([`${NAME} READY by ${winner}`]);
    expect(done(after)).toEqual(
      winner === 'B'
        ? ['route to nobody', 'welcome B', 'tell evicted', 'close A CLOSED']
        : ['tell refused', 'refuse B NOT_READY another connection has this name'],
    );
  });

  it('is the first of two that were let in over the same incumbent, where the second has it no more', () => {
    const after = walk(
      [admitted('A'), admitted('B', { over: 'A' }), admitted('C', { over: 'A' })],
      incumbent,
    );
    expect(shown(after)).toEqual([`${NAME} READY by B`]);
    expect(done(after)).toEqual(['tell refused', 'refuse C NOT_READY another connection has this name']);
  });

  it('is the newcomer that was let in over an incumbent which has gone', () => {
    const after = walk([admitted('A'), closed('A'), admitted('B', { over: 'A' })], incumbent);
    expect(shown(after)).toEqual([`${NAME} READY by B`]);
    expect(done(after)).toEqual(['tell READY', 'welcome B']);
  });

  it('is told in plain words, with both addresses', () => {
    const { effects } = walk([admitted('A'), admitted('B')]);
    const [, , told, end] = effects;
    const message = expect.stringContaining(
      'B (B:1) stays, A (A:1) is closed. It may have come back',
    ) as unknown;
    expect(told).toMatchObject({
      event: {
        endpointName: NAME,
        evicted: plain('A').connection,
        newcomer: plain('B').connection,
        count: 1,
        message,
      },
    });
    expect(end).toMatchObject({ reason: { message } });
  });

  it('is told with the reason where it is taken', () => {
    const { effects } = walk([admitted('A'), admitted('B')], incumbent);
    const reason = expect.stringContaining(`the name ${NAME} is taken by A (A:1)`) as unknown;
    expect(effects[0]).toMatchObject({ event: { endpointName: NAME, peerAddr: 'B:1', reason } });
  });

  it('counts evictions within a minute of each other', () => {
    const evictions = ['A', 'B', 'C'].map((label, index) => admitted(label, { at: index * 60_000 }));
    const third = walk(evictions);
    expect(seatIn(third).flaps).toEqual({ count: 2, lastAt: 120_000 });
    expect(third.effects[2]).toMatchObject({
      event: { count: 2, message: expect.stringContaining('eviction 2 in a row') as unknown },
    });
    const late = once(third, admitted('D', { at: 180_001 }));
    expect(seatIn(late).flaps).toEqual({ count: 1, lastAt: 180_001 });
  });

  it('counts no eviction where nobody is evicted, and keeps the count', () => {
    const world = walk([admitted('A'), admitted('B', { at: 5 }), closed('B'), admitted('C', { at: 7 })]);
    expect(seatIn(world).flaps).toEqual({ count: 1, lastAt: 5 });
  });

  it('keeps what sends to it over all its connections', () => {
    const first = walk([admitted('A')]);
    const { peer } = seatIn(first);
    const steps = [closed('A'), admitted('B'), admitted('C'), closed('C')];
    const worlds = steps.reduce((all, input) => [...all, once(all.at(-1) ?? first, input)], [first]);
    for (const world of worlds) expect(seatIn(world).peer).toBe(peer);
  });

  it('sends with something new once it was forgotten', () => {
    const first = walk([admitted('A')]);
    const again = walk([
      admitted('A'),
      closed('A'),
      { type: 'forget', names: new Set([NAME]) },
      admitted('B'),
    ]);
    expect(seatIn(again).peer).not.toBe(seatIn(first).peer);
  });
});

describe('a session that ends', () => {
  it('is told with its endpoint and its reason, where there are any', () => {
    const tell = (world: World) => world.effects.find(({ type }) => type === 'tell');
    const { connection } = plain('A');
    const told = { type: 'disconnected', handle: 'CH00001', connection };
    expect(tell(walk([closed('A')]))).toEqual({ type: 'tell', event: told });
    const known = walk([admitted('A'), closed('A', closedWith)]);
    expect(tell(known)).toEqual({ type: 'tell', event: { ...told, endpointName: NAME, error: closedWith } });
  });

  it('is accounted to what sends to its endpoint, and to nobody where that is forgotten', () => {
    const evicted = walk([admitted('A'), admitted('B'), closed('A')]);
    expect(evicted.effects[0]).toMatchObject({ peer: seatIn(evicted).peer, wasLive: false });
    const forgotten = walk([
      ...[admitted('A'), admitted('B'), closed('B')],
      ...[{ type: 'forget', names: new Set([NAME]) } as const, closed('A')],
    ]);
    expect(forgotten.effects[0]).toMatchObject({ peer: undefined, wasLive: false });
  });
});

describe('a handshake that is overdue', () => {
  it.each([
    [false, 'no handshake within 10000 ms'],
    [true, 'verifyEndpoint, or the claim of its name, gave no answer within 10000 ms'],
  ])('says what was missing: verifying %s', (isVerifying, text) => {
    plain('A').isVerifying = isVerifying;
    const message = expect.stringContaining(`A (A:1): ${text}`) as unknown;
    expect(walk([of('overdue')('A')]).effects).toMatchObject([{ reason: { message } }]);
  });
});

describe('the gone', () => {
  const leaves = (name: string) => [admitted(name, { name }), closed(name)];
  const namesOf = (world: World) => [...world.seats.keys()];

  it('are remembered up to a number, and the longest gone is forgotten in a step of its own', () => {
    const full = walk([...leaves('a'), ...leaves('b'), admitted('c', { name: 'c' })]);
    const over = once(full, closed('c'));
    expect([namesOf(over), done(over).at(-1)]).toEqual([['a', 'b', 'c'], 'then forget a']);
    const after = once(over, { type: 'forget', names: new Set(['a']) });
    expect([namesOf(after), [...after.gone.values()], after.changed, done(after)]).toEqual([
      ['b', 'c'],
      ['b', 'c'],
      ['a'],
      [],
    ]);
  });

  it('do not count one that has come back, which is the last gone when it leaves again', () => {
    const back = walk([...leaves('a'), ...leaves('b'), admitted('A2', { name: 'a' }), ...leaves('c')]);
    expect(namesOf(back)).toEqual(['a', 'b', 'c']);
    const again = walk([...leaves('a'), ...leaves('b'), ...leaves('a'), ...leaves('c')]);
    expect([...again.gone.values()]).toEqual(['a', 'c']);
  });

  it('are forgotten at once where none may be remembered', () => {
    expect(namesOf(walk(leaves('a'), { maxDisconnectedEndpoints: 0 }))).toEqual([]);
    const three = [...leaves('a'), ...leaves('b'), ...leaves('c')];
    expect(namesOf(walk(three, { maxDisconnectedEndpoints: 4 }))).toEqual(['a', 'b', 'c']);
  });

  it('are forgotten twice without harm', () => {
    const world = walk([
      ...leaves('a'),
      { type: 'forget', names: new Set(['a']) },
      { type: 'forget', names: new Set(['a']) },
    ]);
    expect([namesOf(world), world.gone.size, world.changed]).toEqual([[], 0, []]);
  });
});

describe('a world', () => {
  it('shows the endpoints of its seats, and as gone those that are DISCONNECTED', () => {
    const inputs = ['a', 'b', 'c'].flatMap((name) => [admitted(name, { name }), closed(name)]);
    const world = walk([...inputs, admitted('B2', { name: 'b' }), { type: 'remove', name: 'b' }]);
    expect([...world.endpoints.values()]).toEqual([...world.seats.values()].map(({ endpoint }) => endpoint));
    const gone = [...world.endpoints.values()].filter(({ state }) => state === EndpointState.DISCONNECTED);
    expect([...world.gone.values()]).toEqual(gone.map(({ name }) => name));
  });
});
