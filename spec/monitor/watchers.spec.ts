import { BehaviorSubject, finalize, NEVER, type Observable, Subject } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';

import { CommErrorCode, Endpoint, EndpointState } from '../../lib/index.js';
import {
  mayWatch,
  serveWatchers,
  type WatcherLimits,
  type WatchRequest,
} from '../../lib/monitor/watchers.js';

const named = (name: string) => new Endpoint(name, {}, {}, EndpointState.READY);
const watch = (name: string, id = 1): WatchRequest => ({ endpoint: named(name), type: 'watch', id });
const stop = (name: string, id = 1): WatchRequest => ({ ...watch(name, id), type: 'stop' });

/** The service, with what it serves at the moment and whom it has refused. */
function service(limits: Partial<WatcherLimits> = {}, served$: Observable<unknown> = NEVER) {
  const requests = new Subject<WatchRequest>();
  const endpoints = new Map<string, BehaviorSubject<Endpoint>>();
  const endpoint = (name: Endpoint | string) => {
    const key = typeof name === 'string' ? name : name.name;
    const endpoint$ = endpoints.get(key) ?? new BehaviorSubject(named(key));
    endpoints.set(key, endpoint$);
    return endpoint$;
  };
  const watching: string[] = [];
  const refused: string[] = [];
  const subscription = serveWatchers(
    { endpoint },
    requests,
    { allow: () => true, maxWatchers: 2, ...limits },
    ({ endpoint: { name }, id }) => {
      watching.push(`${name} ${id}`);
      return served$.pipe(finalize(() => watching.splice(watching.indexOf(`${name} ${id}`), 1)));
    },
    ({ endpoint: { name } }, { code }) => refused.push(`${name} ${code}`),
  ).subscribe();
  const send = (...sent: readonly WatchRequest[]) => sent.forEach((request) => requests.next(request));
  return { send, endpoint, watching, refused, subscription };
}

describe('serveWatchers', () => {
  it('serves a watcher until it stops that ID', () => {
    const { send, watching } = service();
    send(watch('a', 1), watch('a', 2));
    expect(watching).toEqual(['a 1', 'a 2']);
    send(stop('a', 1), stop('b', 2));
    expect(watching).toEqual(['a 2']);
  });

  it('serves a second watch under an ID in the place of the first', () => {
    const { send, watching, refused } = service({ maxWatchers: 1 });
    send(watch('a'), watch('a'), watch('a'));
    expect([watching, refused]).toEqual([['a 1'], []]);
  });

  it('ends when the endpoint changes, by itself alone', () => {
    const { send, watching, endpoint } = service();
    send(watch('a'), watch('b'));
    endpoint('a').next(named('a'));
    expect(watching).toEqual(['b 1']);
  });

  it('refuses more watchers than its limit, until one has left', () => {
    const { send, watching, refused } = service();
    send(watch('a'), watch('b'), watch('c'));
    expect([watching, refused]).toEqual([['a 1', 'b 1'], [`c ${CommErrorCode.NOT_READY}`]]);
    send(stop('a'), watch('c'));
    expect(watching).toEqual(['b 1', 'c 1']);
  });

  it('counts no watcher whose service has ended', () => {
    const served = new Subject();
    const { send, watching, refused } = service({ maxWatchers: 1 }, served);
    send(watch('a'));
    served.complete();
    send(watch('b'));
    expect([watching, refused]).toEqual([[], []]);
  });

  it('refuses those that are not allowed, before it counts them', () => {
    const { send, watching, refused } = service({ maxWatchers: 0, allow: ({ name }) => name === 'a' });
    send(watch('a'), watch('b'));
    expect([watching, refused]).toEqual([[], [`a ${CommErrorCode.NOT_READY}`, `b ${CommErrorCode.REFUSED}`]]);
  });

  it('serves nobody when it is unsubscribed', () => {
    const { send, watching, subscription } = service();
    send(watch('a'));
    subscription.unsubscribe();
    send(watch('b'));
    expect(watching).toEqual([]);
  });
});

describe('mayWatch', () => {
  it('asks, and takes an error for a no', () => {
    const allow = vi.fn(({ name }: Endpoint) => name === 'a');
    expect([mayWatch(named('a'), allow), mayWatch(named('b'), allow)]).toEqual([true, false]);
    expect(
      mayWatch(named('a'), () => {
        throw new Error('no list');
      }),
    ).toBe(false);
  });
});
