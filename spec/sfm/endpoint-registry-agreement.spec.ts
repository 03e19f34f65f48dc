import fc from 'fast-check';
import { mergeAll, Subject, take, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { Endpoint, EndpointState } from '../../lib/endpoint.js';
import type { LifecycleEvent } from '../../lib/lifecycle.js';
import { resolveOptions } from '../../lib/options.js';
import { EndpointRegistry } from '../../lib/sfm/endpoint-registry.js';
import type { SessionLife } from '../../lib/sfm/session-life.js';
import { admitAll, withAdmission } from '../../lib/sfm/with-admission.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { FakeConnection, helloOf, sessionOn } from '../support/fake-connection.js';

const NAMES = ['a', 'b', 'c'] as const;
const MAX_GONE = 1;
const reset = new CommError(CommErrorCode.CLOSED, 'reset');

/** Something that happens: to the newest connection of a name, where it needs one. */
const action = fc.record({
  type: fc.constantFrom('join', 'join', 'settle', 'send', 'hold', 'finish', 'reset', 'retire', 'remove'),
  name: fc.constantFrom(...NAMES),
});

type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

/** A registry, its views, and how to do something to it. */
function setUp() {
  const scheduler = new VirtualTimeScheduler();
  const registry = new EndpointRegistry(resolveOptions({ maxDisconnectedEndpoints: MAX_GONE, scheduler }));
  const lives = new Subject<Subject<SessionLife>>();
  registry.run(lives.pipe(mergeAll()));
  const newest = new Map<string, { connection: FakeConnection; settle: () => void }>();
  const connections: { connection: FakeConnection; name: string }[] = [];
  const accepted = new Map<string, number>();

  function join(name: string): void {
    const connection = new FakeConnection();
    const session = sessionOn(connection);
    const life = new Subject<SessionLife>();
    lives.next(life);
    session.events$.pipe(withAdmission(admitAll)).subscribe(life);
    newest.set(name, { connection, settle: () => session.settle() });
    connections.push({ connection, name });
    connection.deliver(helloOf(new Endpoint(name)));
  }

  /** As a communicator does: only READY endpoints take messages. */
  function send(name: string): void {
    const seat = registry.seat(name);
    if (seat?.endpoint.state !== EndpointState.READY) return;
    seat.peer.send(1, {});
    accepted.set(name, (accepted.get(name) ?? 0) + 1);
  }

  function act({ type, name }: Action): void {
    const { connection, settle } = newest.get(name) ?? {};
    const seat = registry.seat(name);
    if (type === 'join') join(name);
    else if (type === 'settle') settle?.();
    else if (type === 'send') send(name);
    else if (type === 'hold' && connection !== undefined) connection.holdsClose = true;
    else if (type === 'finish') connection?.finish();
    else if (type === 'reset') connection?.finish(reset);
    else if (type === 'retire' && seat?.session !== undefined) registry.retire(seat.session);
    else if (type === 'remove') registry.remove(name);
  }

  return { registry, scheduler, act, connections, accepted };
}

/** What each view says of a name at this moment. */
function viewsOf(registry: EndpointRegistry, name: string): (Endpoint | undefined)[] {
  const views: (Endpoint | undefined)[] = [registry.seat(name)?.endpoint];
  registry
    .endpoint(name)
    .pipe(take(1))
    .subscribe((endpoint) => views.push(endpoint));
  registry.endpoints$.pipe(take(1)).subscribe((map) => views.push(map.get(name)));
  return views;
}

/** Lets actions happen, and a reaction upon each sign of life of the registry while there are any left. */
function play(actions: readonly Action[], reactions: readonly Action[]) {
  const { registry, scheduler, act, connections, accepted } = setUp();
  const events: LifecycleEvent[] = [];
  const disagreements: string[] = [];
  const latest = new Map<string, Endpoint | undefined>();
  const left = [...reactions];
  let isPlaying = false;

  /** Looks at all views, then reacts. */
  function noteSign(where: string): void {
    for (const name of NAMES) {
      const [first, ...others] = viewsOf(registry, name);
      if (others.some((view) => view !== first)) disagreements.push(`${where} of ${name}`);
    }
    const reaction = isPlaying ? left.shift() : undefined;
    if (reaction !== undefined) act(reaction);
  }

  for (const name of NAMES) {
    registry.endpoint(name).subscribe((endpoint) => {
      if (registry.seat(name)?.endpoint !== endpoint) disagreements.push(`endpoint(${name})`);
      latest.set(name, endpoint);
      noteSign('endpoint(name)');
    });
  }
  registry.endpoints$.subscribe((map) => {
    if (NAMES.some((name) => registry.seat(name)?.endpoint !== map.get(name)))
      disagreements.push('endpoints$');
    noteSign('endpoints$');
  });
  registry.lifecycle$.subscribe((event) => {
    events.push(event);
    if (event.type === 'endpoint' && latest.get(event.endpoint.name) !== event.endpoint) {
      disagreements.push('lifecycle$ and endpoint(name)');
    }
    noteSign(`lifecycle$ ${event.type}`);
  });
  isPlaying = true;
  for (const each of actions) act(each);
  return { registry, scheduler, events, disagreements, connections, accepted };
}

const stories = [fc.array(action, { maxLength: 40 }), fc.array(action, { maxLength: 20 })] as const;

describe('whatever happens, and whatever is done upon it', () => {
  it('all views agree inside of each callback', () => {
    fc.assert(
      fc.property(...stories, (actions, reactions) => {
        expect(play(actions, reactions).disagreements).toEqual([]);
      }),
    );
  });

  it('each state is told once and follows from the one before', () => {
    const follows = [
      'READY CLOSING',
      'READY DISCONNECTED',
      'CLOSING DISCONNECTED',
      'CLOSING READY',
      'DISCONNECTED READY',
    ];
    fc.assert(
      fc.property(...stories, (actions, reactions) => {
        const { events } = play(actions, reactions);
        for (const name of NAMES) {
          let before = 'DISCONNECTED';
          for (const event of events) {
            if (event.type !== 'endpoint' || event.endpoint.name !== name) continue;
            expect(follows).toContain(`${before} ${event.endpoint.state}`);
            before = event.endpoint.state;
          }
        }
      }),
    );
  });

  it('each connection is told to begin and to end once, in this order, and holds a seat only while it lives', () => {
    fc.assert(
      fc.property(...stories, (actions, reactions) => {
        const { registry, events, connections } = play(actions, reactions);
        for (const { connection } of connections) {
          const told = events.filter(
            (event) => event.type !== 'endpoint' && 'connection' in event && event.connection === connection,
          );
          const ends: unknown[] = [];
          const end = () => ends.push(connection);
          connection.closed$.subscribe({ complete: end, error: end });
          const hasEnded = ends.length > 0;
          expect(told.map(({ type }) => type)).toEqual(['connected', ...(hasEnded ? ['disconnected'] : [])]);
          const seats = NAMES.filter((name) => registry.seat(name)?.session?.connection === connection);
          if (hasEnded) expect(seats).toEqual([]);
          if (connection.isOpen) expect(seats).toHaveLength(1);
        }
      }),
    );
  });

  it('no more endpoints are remembered as gone than may be', () => {
    fc.assert(
      fc.property(...stories, (actions, reactions) => {
        const { registry } = play(actions, reactions);
        const gone = NAMES.filter((name) => registry.seat(name)?.endpoint.state === 'DISCONNECTED');
        expect(gone.length).toBeLessThanOrEqual(MAX_GONE);
      }),
    );
  });

  it('what was accepted is written, waits, or is told as dropped', () => {
    fc.assert(
      fc.property(...stories, (actions, reactions) => {
        const { registry, events, connections, accepted } = play(actions, reactions);
        for (const name of NAMES) {
          const written = connections
            .filter((each) => each.name === name)
            .flatMap(({ connection }) =>
              connection.frames.filter(({ type }) => type === FrameType.DATA),
            ).length;
          const waiting = registry.seat(name)?.peer.outbound.waiting.messages ?? 0;
          let dropped = 0;
          for (const event of events) {
            if (event.type !== 'dropped' || event.reason !== 'disconnected') continue;
            if (event.endpointName === name) dropped += event.undelivered.messages;
          }
          expect(written + waiting + dropped).toBe(accepted.get(name) ?? 0);
        }
      }),
    );
  });

  it('an endpoint that closes has closed after drainTimeoutMs', () => {
    fc.assert(
      fc.property(...stories, (actions, reactions) => {
        const { registry, scheduler } = play(actions, reactions);
        scheduler.flush();
        expect(NAMES.map((name) => registry.seat(name)?.endpoint.state)).not.toContain('CLOSING');
      }),
    );
  });
});
