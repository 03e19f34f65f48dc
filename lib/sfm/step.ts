import type { RemoteChange } from '../cluster-contract.js';
import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { type Endpoint, EndpointState } from '../endpoint.js';
import type { DuplicateName, ResolvedOptions } from '../options.js';
import { NO_FLAPS, withFlap } from './flap-damping.js';
import { NAME_TAKEN } from '../transport/told-reason.js';
import { nameTaken } from './name-taken.js';
import type { Peer } from './peer.js';
import type { Session } from './session.js';
import type { Effect, Input, Seat, World } from './world.js';

/** What decides beside the inputs. */
export interface Rules {
  readonly afterRefusal: ResolvedOptions['afterRefusal'];
  readonly duplicateName: DuplicateName;
  readonly handshakeTimeoutMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly maxDisconnectedEndpoints: number;
  /** Makes what sends to a new endpoint. */
  readonly makePeer: (name: string) => Peer;
}

/** One kind of input. */
type Of<T extends Input['type']> = Extract<Input, { type: T }>;

/*
 * Of an endpoint that is connected here; one that is at another replica becomes what that replica tells of it.
 *
 *                  admitted              retire                    closed
 *   (unknown) ------------------> READY ----------> CLOSING ------------------> DISCONNECTED --forget--> (unknown)
 *                                   ^ \______________________________________/^      |
 *                                   \__________________admitted______________________/
 */

/**
 * One step of the loop: what an input makes of the world. Pure: of sessions it reads who they are and whether they
 * live, and it leaves all that is to be done to `effects`.
 */
export function step(rules: Rules): (world: World, input: Input) => World {
  return (before, input) => {
    const world: World = { ...before, changed: [], effects: [] };
    // No table of patterns: there is one input or more for each step of each handshake, and its closures took a tenth of a join.
    switch (input.type) {
      case 'opened':
        return open(world, input.session);
      case 'greeted':
        return todo(world, { type: 'note-greeted', session: input.session });
      case 'ready':
        return todo(world, { type: 'note-ready', session: input.session });
      case 'admitted':
        return admit(world, input, rules);
      case 'refused':
        return refuse(world, input);
      case 'rejected':
        return reject(world, input, rules);
      case 'unverified':
        return todo(world, tellUnverified(input));
      case 'overdue':
        return todo(world, close(input.session, overdue(input.session, rules)));
      case 'ask':
        return todo(world, { type: 'ping', session: input.session });
      case 'unanswered':
        return todo(world, { type: 'settle', session: input.session });
      case 'settled':
        return settle(world, input.session);
      case 'silent':
        return todo(world, close(input.session, silent(input.session, rules)));
      case 'closed':
        return leave(world, input, rules);
      case 'retire':
        return retire(world, input.session);
      case 'remove':
        return remove(world, input.name);
      case 'forget':
        return forget(world, input.names);
      case 'close':
        return todo(world, close(input.session, input.reason));
      case 'remote':
        return changeRemote(world, input, rules);
      case 'yield':
        return yieldName(world, input);
      case 'replica-closing':
        return closeReplica(world, input.replica);
      case 'lost':
        return todo(world, accountLost(world, input));
      case 'report':
        return todo(world, { type: 'tell', event: input.event });
    }
  };
}

function open(world: World, { role, connection }: Session): World {
  const { handle, attemptedAt } = role;
  const began = attemptedAt === undefined ? {} : { attemptedAt };
  return todo(world, { type: 'tell', event: { type: 'connected', handle, connection, ...began } });
}

/** One connection per name: the newcomer stays (NVFlare's rule, `sfm_endpoint.py`), unless the incumbent may. */
function admit(world: World, event: Of<'admitted'>, { duplicateName, makePeer }: Rules): World {
  const { session, endpoint, at, over } = event;
  const seat = world.seats.get(endpoint.name);
  const older = seat?.session;
  if (!session.isOpen)
    return older === undefined ? todo(world, { type: 'release', endpointName: endpoint.name }) : world;
  const isContested = duplicateName === 'incumbent' && older !== undefined && older !== over && older.isReady;
  if (isContested)
    return refuse(world, { session, endpoint, error: nameTaken(older, endpoint.name), told: NAME_TAKEN });
  const peer = seat?.peer ?? makePeer(endpoint.name);
  const isTaken = older !== undefined || seat?.replica !== undefined;
  const flaps = isTaken ? withFlap(seat?.flaps ?? NO_FLAPS, at) : (seat?.flaps ?? NO_FLAPS);
  const next = withSeat(world, {
    endpoint,
    peer,
    session,
    replica: undefined,
    flaps,
    isRemoved: false,
    goneKey: undefined,
  });
  const isNews = seat?.endpoint.state !== EndpointState.READY || seat.replica !== undefined;
  return todo(
    next,
    ...(isTaken ? [{ type: 'route', peer, session: undefined } as const] : []),
    ...(isNews ? [tellEndpoint(endpoint, session)] : []),
    { type: 'welcome', session, endpoint, peer },
    ...(older === undefined ? [] : evict(older, session, endpoint.name, flaps.count)),
  );
}

function evict(older: Session, newer: Session, endpointName: string, count: number): Effect[] {
  const message =
    `a second connection presents itself as ${endpointName}: ${place(newer)} stays, ${place(older)} is closed. ` +
    (count === 1
      ? 'It may have come back'
      : `It is eviction ${count} in a row, each within a minute of the last: ping-pong`) +
    '. Two live endpoints under one name evict each other for ever; give each its own name';
  const [evicted, newcomer] = [older.connection, newer.connection];
  return [
    { type: 'tell', event: { type: 'evicted', endpointName, evicted, newcomer, count, message } },
    close(older, new CommError(CommErrorCode.CLOSED, message, { detail: 'replaced' })),
  ];
}

/** Of the reason the peer hears what is for it, and nothing else. */
function refuse(world: World, { session, endpoint, error, told }: Omit<Of<'refused'>, 'type'>): World {
  const { connection, role } = session;
  const { peer_addr: peerAddr } = connection.properties;
  const { handle } = role;
  const { name: endpointName } = endpoint;
  const { code, message: reason, detail } = error;
  const closing = `${place(session)}: ${endpointName} is refused: ${reason}`;
  return todo(
    world,
    {
      type: 'tell',
      event: { type: 'refused', by: 'us', handle, connection, endpointName, peerAddr, reason },
    },
    { type: 'refuse', session, reason: new CommError(code, closing, { detail }), told },
  );
}

/** The peer refuses us. In the clear anybody on the way may say so, hence it ends no connector unless an option says so. */
function reject(world: World, { session, error }: Of<'rejected'>, { afterRefusal }: Rules): World {
  const { connection, role } = session;
  const { peer_addr: peerAddr } = connection.properties;
  const { handle } = role;
  const { reason } = error;
  return todo(
    world,
    { type: 'tell', event: { type: 'refused', by: 'peer', handle, connection, peerAddr, reason } },
    ...(afterRefusal === 'stop' ? [{ type: 'give-up', session } as const] : []),
    close(session, error),
  );
}

/** Messages can go out, unless another session has the endpoint by now. */
function settle(world: World, session: Session): World {
  const seat = seatOf(world, session);
  return seat === undefined ? world : todo(world, { type: 'route', peer: seat.peer, session });
}

function leave(world: World, { session, error }: Of<'closed'>, rules: Rules): World {
  const { connection, role, endpoint: known } = session;
  const seat = seatOf(world, session);
  const endpointName = known?.name;
  const peer = known && world.seats.get(known.name)?.peer;
  const ended: Effect[] = [
    ...(endpointName === undefined
      ? []
      : [{ type: 'account', session, endpointName, peer, wasLive: seat !== undefined } as const]),
    {
      type: 'tell',
      event: {
        type: 'disconnected',
        handle: role.handle,
        connection,
        ...(endpointName === undefined ? {} : { endpointName }),
        ...(error === undefined ? {} : { error }),
      },
    },
  ];
  if (seat === undefined) return todo(world, ...ended);
  const endpoint = seat.endpoint.withState(EndpointState.DISCONNECTED);
  const next = withSeat(world, { ...seat, endpoint, session: undefined, goneKey: TO_BE_GONE });
  const forgotten = seat.isRemoved ? [endpoint.name] : longestGone(next, rules);
  return todo(next, ...ended, tellEndpoint(endpoint, session), ...thenForget(new Set(forgotten)));
}

/** Many endpoints may change in one step, since a replica has thousands of them. */
function changeRemote(world: World, { changes, at }: Of<'remote'>, rules: Rules): World {
  const seats = new Map<string, Seat>();
  const effects: Effect[] = [];
  for (const change of changes) {
    const before = seats.get(change.name) ?? world.seats.get(change.name);
    const after =
      change.endpoint === undefined ? goneAway(before, change) : moveAway(before, change, at, rules);
    if (after === undefined) continue;
    seats.set(change.name, after.seat);
    effects.push(...after.effects);
  }
  const next = withSeats(world, seats);
  const removed = [...seats.values()].filter(({ isRemoved, goneKey }) => isRemoved && goneKey !== undefined);
  const forgotten = new Set([...removed.map(({ endpoint }) => endpoint.name), ...longestGone(next, rules)]);
  return { ...next, effects: [...next.effects, ...effects, ...thenForget(forgotten)] };
}

interface Change {
  readonly seat: Seat;
  readonly effects: readonly Effect[];
}

/** An endpoint is at another replica. What waits for it goes there. */
function moveAway(
  before: Seat | undefined,
  { name, replica, endpoint }: RemoteChange,
  at: number,
  { makePeer }: Rules,
): Change | undefined {
  if (endpoint === undefined) return undefined;
  const { session } = before ?? {};
  const peer = before?.peer ?? makePeer(name);
  const isTaken = session !== undefined || (before?.replica !== undefined && before.replica !== replica);
  const flaps = isTaken ? withFlap(before?.flaps ?? NO_FLAPS, at) : (before?.flaps ?? NO_FLAPS);
  const seat: Seat = {
    endpoint,
    peer,
    session: undefined,
    replica,
    flaps,
    isRemoved: false,
    goneKey: undefined,
  };
  const isNews = before?.endpoint.state !== endpoint.state || isTaken;
  const effects: readonly Effect[] = [
    ...(session === undefined ? [] : letGo(peer)),
    { type: 'route-away', peer },
    ...(isNews ? [tellRemote(endpoint, replica)] : []),
    ...(session === undefined ? [] : lose(session, name, replica, flaps.count)),
  ];
  return { seat, effects };
}

/** An endpoint is not at another replica any more. One that is here, or at a third one by now, is not concerned. */
function goneAway(before: Seat | undefined, { name, replica }: RemoteChange): Change | undefined {
  if (before?.replica !== replica) return undefined;
  const { peer } = before;
  const endpoint = before.endpoint.withState(EndpointState.DISCONNECTED);
  const seat: Seat = { ...before, endpoint, replica: undefined, goneKey: TO_BE_GONE };
  return {
    seat,
    effects: [
      { type: 'account-away', endpointName: name, peer, lost: undefined },
      tellRemote(endpoint, replica),
    ],
  };
}

/** Until that replica has the endpoint, what is sent to it waits. */
function yieldName(world: World, { name, replica, at }: Of<'yield'>): World {
  const seat = world.seats.get(name);
  if (seat?.session === undefined) return world;
  const { session, peer } = seat;
  const flaps = withFlap(seat.flaps, at);
  const next = withSeat(world, { ...seat, session: undefined, replica, flaps });
  return todo(next, ...letGo(peer), ...lose(session, name, replica, flaps.count));
}

/** Its endpoints take no more messages; what waits for them still goes there. */
function closeReplica(world: World, replica: string): World {
  const ready = [...world.seats.values()].filter(
    (seat) => seat.replica === replica && seat.endpoint.state === EndpointState.READY,
  );
  const closing = ready.map((seat) => ({
    ...seat,
    endpoint: seat.endpoint.withState(EndpointState.CLOSING),
  }));
  const next = withSeats(world, new Map(closing.map((seat) => [seat.endpoint.name, seat])));
  const told = closing.map(({ endpoint }) => tellRemote(endpoint, replica));
  const handOver: Effect = { type: 'hand-over', replica, peers: ready.map(({ peer }) => peer) };
  // No call with as many arguments as there are endpoints.
  return { ...next, effects: [...next.effects, ...told, handOver] };
}

function accountLost(world: World, { name, undelivered, unknown }: Of<'lost'>): Effect {
  const peer = world.seats.get(name)?.peer;
  return { type: 'account-away', endpointName: name, peer, lost: { undelivered, unknown } };
}

/** What waits of ours waits for the replica that has the endpoint; what waits of others, they send there themselves. */
function letGo(peer: Peer): Effect[] {
  return [
    { type: 'route', peer, session: undefined },
    { type: 'return-relayed', peer },
  ];
}

/** A session loses its name to another replica. */
function lose(session: Session, endpointName: string, replica: string, count: number): Effect[] {
  const message = `a second connection presents itself as ${endpointName} at replica ${replica}: it stays, ${place(session)} is closed`;
  const { connection: evicted } = session;
  return [
    { type: 'tell', event: { type: 'evicted', endpointName, evicted, replica, count, message } },
    close(session, new CommError(CommErrorCode.CLOSED, message, { detail: 'replaced' })),
  ];
}

function retire(world: World, session: Session): World {
  const seat = seatOf(world, session);
  const drain: Effect = { type: 'drain', session, peer: seat?.peer };
  if (seat?.endpoint.state !== EndpointState.READY) return todo(world, drain);
  const endpoint = seat.endpoint.withState(EndpointState.CLOSING);
  return todo(withSeat(world, { ...seat, endpoint }), tellEndpoint(endpoint, session), drain);
}

function remove(world: World, name: string): World {
  const seat = world.seats.get(name);
  if (seat?.replica !== undefined) return removeAway(world, seat, seat.replica);
  if (seat?.session === undefined) return forget(world, new Set([name]));
  return retire(withSeat(world, { ...seat, isRemoved: true }), seat.session);
}

function removeAway(world: World, seat: Seat, replica: string): World {
  const endpoint = seat.endpoint.withState(EndpointState.CLOSING);
  return todo(withSeat(world, { ...seat, endpoint, isRemoved: true }), tellRemote(endpoint, replica), {
    type: 'remove-away',
    endpointName: endpoint.name,
    peer: seat.peer,
  });
}

function forget(world: World, names: ReadonlySet<string>): World {
  const seats = [...names].flatMap((name) => world.seats.get(name) ?? []);
  const forgotten = seats.filter(({ goneKey }) => goneKey !== undefined);
  const left = forgotten.map(({ endpoint }) => endpoint.name);
  return {
    ...world,
    seats: world.seats.withoutAll(left),
    endpoints: world.endpoints.withoutAll(left),
    gone: world.gone.withoutAll(forgotten.flatMap(({ goneKey }) => goneKey ?? [])),
    changed: [...world.changed, ...left],
  };
}

/** The names beyond `maxDisconnectedEndpoints`. */
function longestGone({ gone }: World, { maxDisconnectedEndpoints }: Rules): string[] {
  return gone.first(gone.size - maxDisconnectedEndpoints);
}

/** The key of a seat that becomes DISCONNECTED; `withSeats` puts the next one in its place. */
const TO_BE_GONE = -1;

/** In a step of its own, so that everyone sees the endpoint DISCONNECTED first. */
function thenForget(names: ReadonlySet<string>): Effect[] {
  return names.size === 0 ? [] : [{ type: 'then', input: { type: 'forget', names } }];
}

/** The seat that this session is the live connection of. */
function seatOf(world: World, session: Session): Seat | undefined {
  const seat = session.endpoint && world.seats.get(session.endpoint.name);
  return seat?.session === session ? seat : undefined;
}

/** The world with a seat in it. */
function withSeat(world: World, seat: Seat): World {
  return withSeats(world, new Map([[seat.endpoint.name, seat]]));
}

/** The world with many seats in it: the one place that puts endpoints in. */
function withSeats(world: World, seats: ReadonlyMap<string, Seat>): World {
  let { nextGoneKey } = world;
  const notGone: number[] = [];
  const placed = new Map<string, Seat>();
  const endpoints = new Map<string, Endpoint>();
  const newlyGone = new Map<number, string>();
  for (const [name, seat] of seats) {
    const before = world.seats.get(name);
    if (before?.endpoint !== seat.endpoint) endpoints.set(name, seat.endpoint);
    if (before?.goneKey !== undefined && before.goneKey !== seat.goneKey) notGone.push(before.goneKey);
    if (seat.goneKey !== TO_BE_GONE) placed.set(name, seat);
    else {
      placed.set(name, { ...seat, goneKey: nextGoneKey });
      newlyGone.set(nextGoneKey, name);
      nextGoneKey += 1;
    }
  }
  return {
    ...world,
    seats: world.seats.withAll(placed),
    endpoints: world.endpoints.withAll(endpoints),
    changed: [...world.changed, ...endpoints.keys()],
    gone: world.gone.withoutAll(notGone).withAll(newlyGone),
    nextGoneKey,
  };
}

function todo(world: World, ...effects: Effect[]): World {
  return { ...world, effects: [...world.effects, ...effects] };
}

function tellEndpoint(endpoint: Endpoint, { connection }: Session): Effect {
  return { type: 'tell', event: { type: 'endpoint', endpoint, connection } };
}

function tellRemote(endpoint: Endpoint, replica: string): Effect {
  return { type: 'tell', event: { type: 'endpoint', endpoint, replica } };
}

function tellUnverified({ session, endpoint, error: { cause } }: Of<'unverified'>): Effect {
  const { peer_addr } = session.connection.properties;
  const text = `verifyEndpoint failed on ${endpoint.name} at ${peer_addr}: ${messageOf(cause)}`;
  const error = new CommError(CommErrorCode.ERROR, text, { cause });
  return { type: 'tell', event: { type: 'callback-error', callback: 'verifyEndpoint', error } };
}

function close(session: Session, reason?: CommError): Effect {
  return { type: 'close', session, reason };
}

function overdue(session: Session, { handshakeTimeoutMs }: Rules): CommError {
  const what = session.isVerifying
    ? 'verifyEndpoint, or the claim of its name, gave no answer'
    : 'no handshake';
  return new CommError(CommErrorCode.TIMEOUT, `${place(session)}: ${what} within ${handshakeTimeoutMs} ms`);
}

function silent(session: Session, { heartbeatTimeoutMs }: Rules): CommError {
  return new CommError(
    CommErrorCode.TIMEOUT,
    `${session.describe()}: no sign of life within ${heartbeatTimeoutMs} ms after a PING, the connection is taken for dead`,
  );
}

function place({ connection: { name, properties } }: Session): string {
  return `${name} (${properties.peer_addr})`;
}
