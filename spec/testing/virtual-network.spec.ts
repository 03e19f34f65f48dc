import { filter, map, mergeMap, type Observable, tap } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import type { Communicator } from '../../lib/communicator.js';
import { Endpoint } from '../../lib/endpoint.js';
import type { DroppedEvent, LifecycleEvent } from '../../lib/lifecycle.js';
import { textOf } from '../../lib/message.js';
import { VirtualNetwork } from '../../lib/testing/index.js';
import { Mode } from '../../lib/transport/driver.js';
import { marbles, stateOf, STATES } from '../support/marbles.js';

const APP = 7;

function texts(communicator: Communicator): Observable<string> {
  return communicator.messages(APP).pipe(map(({ message }) => textOf(message)));
}

function eventsOf<T extends LifecycleEvent['type']>({ lifecycle$ }: Communicator, type: T) {
  return lifecycle$.pipe(
    filter((event): event is Extract<LifecycleEvent, { type: T }> => event.type === type),
  );
}

const bytes = (length: number) => ({ payload: new Uint8Array(length) });

describe('joining and leaving', () => {
  it('happens in the frame that it is drawn in, any number of times', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      const hub = network.communicator('hub');
      network.join('site-1', 'hub', '--j--l----j');
      expectObservable(stateOf(hub, 'site-1')).toBe('a-r--d----r', STATES);
      expectObservable(stateOf(network.communicator('site-1'), 'hub')).toBe('a-r--(cd)-r', STATES);
    });
  });

  it('at frame 0 is seen by whoever is subscribed from the start', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'hub', 'j');
      const types$ = network.communicator('hub').lifecycle$.pipe(map(({ type }) => type));
      expectObservable(types$).toBe('(ce)', { c: 'connected', e: 'endpoint' });
    });
  });

  it('twice is joining once', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      const hub = network.communicator('hub');
      network.join('site-1', 'hub', '-j-j-l');
      expectObservable(stateOf(hub, 'site-1')).toBe('ar---d', STATES);
      expectObservable(eventsOf(hub, 'evicted')).toBe('');
    });
  });

  it('somebody who is not there is tried again', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler, { endMs: 500 });
      const site = network.communicator('site-1');
      scheduler.createHotObservable('-j').subscribe(() => site.addConnector('virtual://nobody', Mode.ACTIVE));
      const errors$ = eventsOf(site, 'retrying').pipe(map(({ error }) => [error?.code, error?.message]));
      expectObservable(errors$).toBe('-e', {
        e: [CommErrorCode.NOT_READY, 'virtual://nobody: nobody listens there'],
      });
    });
  });

  it('delivers what was sent before it left', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler, { latencyMs: 3 });
      network.join('site-1', 'hub', 'j 19ms l');
      network.send('site-1', 'hub', APP, '19ms (ab)');
      expectObservable(texts(network.communicator('hub'))).toBe('22ms (ab)');
    });
  });

  it('takes the properties of an endpoint along', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.communicator(new Endpoint('site-1', { gpus: 4 }));
      network.join('site-1', 'hub', '-j');
      const gpus$ = network
        .communicator('hub')
        .ready('site-1')
        .pipe(map(({ properties }) => properties.gpus));
      expectObservable(gpus$).toBe('-4', { 4: 4 });
    });
  });

  it('refuses letters that mean nothing, before anything begins', () => {
    marbles((scheduler) => {
      const network = new VirtualNetwork(scheduler);
      const join = () => network.join('site-1', 'hub', '-j-x');
      expect(join).toThrow('"-j-x" for site-1 joins hub: expected the letters j, l, got "x"');
      const link = () => network.link('site-1', 'hub', '-q');
      expect(link).toThrow(
        '"-q" for the link between hub and site-1: expected the letters u, d, s, x, got "q"',
      );
    });
  });

  it('gives each name one communicator, with one set of options', () => {
    marbles((scheduler) => {
      const network = new VirtualNetwork(scheduler);
      const local = new Endpoint('hub');
      const hub = network.communicator(local);
      expect(network.communicator('hub')).toBe(hub);
      expect(network.communicator(local)).toBe(hub);
      const again = [
        () => network.communicator(new Endpoint('hub')),
        () => network.communicator('hub', { settleTimeoutMs: 0 }),
      ];
      const badConfig = expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error;
      for (const call of again) expect(call).toThrow(badConfig);
    });
  });
});

describe('stopping', () => {
  it('closes connections and completes the streams in virtual time', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler, { latencyMs: 2 });
      const hub = network.communicator('hub');
      network.join('site-1', 'hub', 'j');
      scheduler.createHotObservable('------s').subscribe(() => void hub.stop());
      expectObservable(stateOf(hub, 'site-1')).toBe('a-r---c-(d|)', STATES);
      expectObservable(stateOf(network.communicator('site-1'), 'hub'), '^--------!').toBe(
        'a---r---d',
        STATES,
      );
      expectObservable(hub.messages(APP)).toBe('--------|');
    });
  });

  it('waits for a stalled peer no longer than drainTimeoutMs', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler, { options: { drainTimeoutMs: 20 } });
      const hub = network.communicator('hub');
      network.join('site-1', 'hub', 'j');
      network.link('site-1', 'hub', '--s');
      network.send('hub', 'site-1', APP, '---(ab)');
      scheduler.createHotObservable('---------s').subscribe(() => void hub.stop());
      const lost$ = eventsOf(hub, 'dropped').pipe(map(lostMessages));
      expectObservable(lost$).toBe('29ms (l|)', { l: 2 });
    });
  });
});

describe('latency', () => {
  it('is taken by each frame of the handshake', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler, { latencyMs: 5 });
      network.join('site-1', 'hub', '-j');
      // HELLO one way, READY the other.
      expectObservable(stateOf(network.communicator('hub'), 'site-1')).toBe('a-----r', STATES);
      expectObservable(stateOf(network.communicator('site-1'), 'hub')).toBe('a----------r', STATES);
    });
  });

  it('changes as drawn, and nothing is overtaken', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'hub', 'j');
      network.latency('hub', 'site-1', '-s-f', { s: 6, f: 1 });
      network.send('site-1', 'hub', APP, '--a-b---c');
      const hub = network.communicator('hub');
      expectObservable(texts(hub), '^--------!').toBe('--------(ab)');
      expectObservable(texts(hub), '---------^').toBe('---------c');
    });
  });
});

describe('a link', () => {
  it('that goes down breaks connections, and connectors come back after their waits', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      const hub = network.communicator('hub');
      const site = network.communicator('site-1');
      network.join('site-1', 'hub', 'j');
      network.link('site-1', 'hub', '--d 2500ms u');
      expectObservable(stateOf(hub, 'site-1'), '-^').toBe('-rd 2999ms r', STATES);
      const waits$ = eventsOf(site, 'retrying').pipe(map(({ delayMs, error }) => [delayMs, error?.message]));
      const down = 'the link between hub and site-1 is down';
      expectObservable(waits$).toBe('--a 999ms b', { a: [1_000, down], b: [2_000, down] });
      const ends$ = eventsOf(hub, 'disconnected').pipe(map(({ error }) => error?.message));
      expectObservable(ends$).toBe('--d', { d: down });
    });
  });

  it('that is down from the start refuses the first attempt', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.link('site-1', 'hub', 'du');
      network.join('site-1', 'hub', 'j');
      expectObservable(stateOf(network.communicator('hub'), 'site-1')).toBe('a 999ms r', STATES);
    });
  });

  it('that stalls holds what is sent, and delivers it in order when it is up again', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'hub', 'j');
      network.link('site-1', 'hub', '-s----u');
      network.send('site-1', 'hub', APP, '--a-b');
      expectObservable(texts(network.communicator('hub'))).toBe('------(ab)');
    });
  });

  it('that stalls fills the queue of the sender, whose drained signal comes when it goes on', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler, { options: { highWaterMarkBytes: 1_000 } });
      const site = network.communicator('site-1');
      network.join('site-1', 'hub', 'j');
      network.link('site-1', 'hub', '-s----u');
      const goesOn$ = scheduler
        .createColdObservable('--a-b', { a: bytes(100), b: bytes(2_000) })
        .pipe(map((message) => site.send('hub', APP, message)));
      expectObservable(goesOn$).toBe('--a-b', { a: true, b: false });
      const drained$ = scheduler.createColdObservable('-----q').pipe(
        mergeMap(() => site.drained('hub')),
        map(() => 'drained'),
      );
      expectObservable(drained$).toBe('------d', { d: 'drained' });
    });
  });

  it('that breaks while it is stalled reports what was lost', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler, { endMs: 100 });
      network.join('site-1', 'hub', 'j');
      network.link('site-1', 'hub', '--s---d');
      network.send('site-1', 'hub', APP, '-a-(bc)');
      const lost$ = eventsOf(network.communicator('site-1'), 'dropped').pipe(
        map((event) => [event.endpointName, lostMessages(event)]),
      );
      expectObservable(lost$).toBe('------l', { l: ['hub', 2] });
    });
  });

  it('that stalls for good is noticed by the heartbeat on both sides', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'hub', 'j');
      network.link('site-1', 'hub', '-s');
      // The sweep looks every 5 s: first seen at 5 s, a PING after 30 s of silence, given up 75 s later.
      for (const name of ['hub', 'site-1']) {
        const codes$ = eventsOf(network.communicator(name), 'disconnected').pipe(
          map(({ error }) => error?.code),
        );
        expectObservable(codes$).toBe('110s t', { t: CommErrorCode.TIMEOUT });
      }
    });
  });

  it('that is stalled lets no attempt through, which times out', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler, { endMs: 15_000 });
      network.link('site-1', 'hub', 's');
      network.join('site-1', 'hub', '-j');
      const codes$ = eventsOf(network.communicator('site-1'), 'retrying').pipe(
        map(({ error }) => error?.code),
      );
      expectObservable(codes$).toBe('10001ms t', { t: CommErrorCode.TIMEOUT });
    });
  });

  it('that is lossy loses what is sent meanwhile, and nothing else', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'hub', 'j');
      network.link('site-1', 'hub', '---x-u');
      network.send('site-1', 'hub', APP, '--a-b-c');
      expectObservable(texts(network.communicator('hub'))).toBe('--a---c');
    });
  });

  it('concerns its own two endpoints alone', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler, { endMs: 100 });
      network.join('site-1', 'hub', '-j');
      network.join('site-2', 'hub', '-j');
      network.link('site-1', 'hub', '---d');
      expectObservable(stateOf(network.communicator('hub'), 'site-1')).toBe('ar-d', STATES);
      expectObservable(stateOf(network.communicator('hub'), 'site-2')).toBe('ar', STATES);
    });
  });
});

describe('messages', () => {
  it('are sent as drawn, and a letter is its own text', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'hub', 'j');
      network.send('site-1', 'hub', APP, '--a--(bc)');
      expectObservable(texts(network.communicator('hub'))).toBe('--a--(bc)');
    });
  });

  it('have the headers and payload that are given for a letter', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.join('site-1', 'hub', 'j');
      network.send('site-1', 'hub', APP, '-w', {
        w: { headers: { round: 3 }, payload: Uint8Array.of(1, 2) },
      });
      const messages$ = network
        .communicator('hub')
        .messages(APP)
        .pipe(map(({ message: { headers, payload } }) => [headers?.round, ...(payload ?? [])]));
      expectObservable(messages$).toBe('-m', { m: [3, 1, 2] });
    });
  });

  it('that cannot be sent fail the test', () => {
    const test = () =>
      marbles((scheduler) => {
        const network = new VirtualNetwork(scheduler);
        network.join('site-1', 'hub', '---j');
        network.send('site-1', 'hub', APP, '-a');
      });
    expect(test).toThrow(expect.objectContaining({ code: CommErrorCode.CLOSED }) as Error);
  });

  it('to its own name loop back in the same frame', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      network.send('hub', 'hub', APP, '-a');
      expectObservable(texts(network.communicator('hub'))).toBe('-a');
    });
  });

  it('over the limit of the receiver end the connection', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler, { endMs: 100 });
      const hub = network.communicator('hub', { maxFrameBytes: 1_000 });
      network.join('site-1', 'hub', 'j');
      network.send('site-1', 'hub', APP, '-a', { a: bytes(1_000) });
      const codes$ = eventsOf(hub, 'disconnected').pipe(map(({ error }) => error?.code));
      expectObservable(codes$).toBe('-b', { b: CommErrorCode.BAD_DATA });
      expectObservable(stateOf(network.communicator('site-1'), 'hub'), '-^').toBe('-(rd)', STATES);
    });
  });

  it('wait for a receiver that pauses the connection', () => {
    marbles((scheduler, { expectObservable }) => {
      const network = new VirtualNetwork(scheduler);
      const hub = network.communicator('hub');
      network.join('site-1', 'hub', 'j');
      network.send('site-1', 'hub', APP, '-a-b-c');
      const paced$ = hub.messages(APP).pipe(
        tap(({ connection }) => connection.pause()),
        mergeMap(({ connection, message }) => {
          scheduler.schedule(() => connection.resume(), 5);
          return [textOf(message)];
        }),
      );
      expectObservable(paced$).toBe('-a----b----c');
    });
  });
});

describe('the end', () => {
  it('lets a test finish though heartbeats and retries would go on, and completes nothing', () => {
    const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
    let attempts = 0;
    scheduler.run(({ expectObservable }) => {
      const network = new VirtualNetwork(scheduler, { endMs: 7_500 });
      network.link('site-1', 'hub', 'd');
      network.join('site-1', 'hub', 'j');
      const retries$ = eventsOf(network.communicator('site-1'), 'retrying').pipe(tap(() => (attempts += 1)));
      expectObservable(retries$.pipe(map(({ delayMs }) => delayMs))).toBe('a 999ms b 1999ms c 3999ms d', {
        a: 1_000,
        b: 2_000,
        c: 4_000,
        d: 8_000,
      });
    });
    // At 0, 1, 3 and 7 s; the next one would be at 15 s.
    expect(attempts).toBe(4);
  });
});

function lostMessages(event: DroppedEvent): number {
  return event.reason === 'disconnected'
    ? event.undelivered.messages + event.unknown.messages
    : event.messages;
}
