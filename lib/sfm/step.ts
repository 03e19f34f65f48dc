import { match } from 'ts-pattern';

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
    return match(input)
      .with({ type: 'opened' }, ({ session }) => open(world, session))
      .with({ type: 'greeted' }, ({ session }) => todo(world, { type: 'note-greeted', session }))
      .with({ type: 'ready' }, ({ session }) => todo(world, { type: 'note-ready', session }))
      .with({ type: 'admitted' }, (event) => admit(world, event, rules))
      .with({ type: 'refused' }, (event) => refuse(world, event))
      .with({ type: 'rejected' }, (event) => reject(world, event, rules))
      .with({ type: 'unverified' }, (event) => todo(world, tellUnverified(event)))
      .with({ type: 'overdue' }, ({ session }) => todo(world, close(session, overdue(session, rules))))
      .with({ type: 'ask' }, ({ session }) => todo(world, { type: 'ping', session }))
      .with({ type: 'unanswered' }, ({ session }) => todo(world, { type: 'settle', session }))
      .with({ type: 'settled' }, ({ session }) => settle(world, session))
      .with({ type: 'silent' }, ({ session }) => todo(world, close(session, silent(session, rules))))
      .with({ type: 'closed' }, (event) => leave(world, event, rules))
      .with({ type: 'retire' }, ({ session }) => retire(world, session))
      .with({ type: 'remove' }, ({ name }) => remove(world, name))
      .with({ type: 'forget' }, ({ name }) => forget(world, name))
      .with({ type: 'close' }, ({ session, reason }) => todo(world, close(session, reason)))
      .with({ type: 'report' }, ({ event }) => todo(world, { type: 'tell', event }))
      .exhaustive();
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
  if (!session.isOpen) return world;
  const seat = world.seats.get(endpoint.name);
  const older = seat?.session;
  const isContested = duplicateName === 'incumbent' && older !== undefined && older !== over && older.isReady;
  if (isContested)
    return refuse(world, { session, endpoint, error: nameTaken(older, endpoint.name), told: NAME_TAKEN });
  const peer = seat?.peer ?? makePeer(endpoint.name);
  const flaps = older === undefined ? (seat?.flaps ?? NO_FLAPS) : withFlap(seat?.flaps ?? NO_FLAPS, at);
  const next = withSeat(world, { endpoint, peer, session, flaps, isRemoved: false, goneKey: undefined });
  const isNews = seat?.endpoint.state !== EndpointState.READY;
  return todo(
    next,
    ...(older === undefined ? [] : [{ type: 'route', peer, session: undefined } as const]),
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
  const next = withSeat(world, { ...seat, endpoint, session: undefined, goneKey: world.nextGoneKey });
  const forgotten = seat.isRemoved ? [endpoint.name] : longestGone(next, rules);
  return todo(next, ...ended, tellEndpoint(endpoint, session), ...forgotten.map(thenForget));
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
  if (seat?.session === undefined) return forget(world, name);
  return retire(withSeat(world, { ...seat, isRemoved: true }), seat.session);
}

function forget(world: World, name: string): World {
  const seat = world.seats.get(name);
  return seat === undefined || seat.session !== undefined ? world : withoutSeat(world, seat);
}

/** The names beyond `maxDisconnectedEndpoints`. */
function longestGone({ gone }: World, { maxDisconnectedEndpoints }: Rules): string[] {
  const excess = gone.size - maxDisconnectedEndpoints;
  return excess <= 0 ? [] : [...gone.values()].slice(0, excess);
}

/** In a step of its own, so that everyone sees the endpoint DISCONNECTED first. */
function thenForget(name: string): Effect {
  return { type: 'then', input: { type: 'forget', name } };
}

/** The seat that this session is the live connection of. */
function seatOf(world: World, session: Session): Seat | undefined {
  const seat = session.endpoint && world.seats.get(session.endpoint.name);
  return seat?.session === session ? seat : undefined;
}

/** The world with a seat in it: the one place that puts an endpoint in. */
function withSeat(world: World, seat: Seat): World {
  const { name } = seat.endpoint;
  const before = world.seats.get(name);
  const { gone, nextGoneKey } = world;
  return {
    ...world,
    seats: world.seats.with(name, seat),
    ...(before?.endpoint === seat.endpoint
      ? {}
      : {
          endpoints: world.endpoints.with(name, seat.endpoint),
          changed: [...world.changed, name],
        }),
    ...(seat.goneKey === undefined
      ? { gone: gone.without(before?.goneKey ?? nextGoneKey) }
      : { gone: gone.with(seat.goneKey, name), nextGoneKey: nextGoneKey + 1 }),
  };
}

function withoutSeat(world: World, { endpoint: { name }, goneKey }: Seat): World {
  return {
    ...world,
    seats: world.seats.without(name),
    endpoints: world.endpoints.without(name),
    gone: goneKey === undefined ? world.gone : world.gone.without(goneKey),
    changed: [...world.changed, name],
  };
}

function todo(world: World, ...effects: Effect[]): World {
  return { ...world, effects: [...world.effects, ...effects] };
}

function tellEndpoint(endpoint: Endpoint, { connection }: Session): Effect {
  return { type: 'tell', event: { type: 'endpoint', endpoint, connection } };
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
  const what = session.isVerifying ? 'verifyEndpoint gave no answer' : 'no handshake';
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
