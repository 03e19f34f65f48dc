import { filter, firstValueFrom, interval, map, Subscription, take, timeout, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  type CommErrorCode,
  type Communicator,
  type CommunicatorOptions,
  type EndpointState,
  type LifecycleEvent,
  Mode,
} from '../../lib/index.js';
import { balance, type Run } from '../soak/ledger.js';
import { Traffic } from '../soak/traffic.js';
import { communicator, nextEvent, startListening, stopAll, untilState } from '../support/communicators.js';
import { FaultProxy } from './fault-proxy.js';
import type { Fault } from './fault.js';

/** How a connection ends on one side: the code of its CommError, or no error. */
export type Ending = CommErrorCode | 'clean';

/** What the two sides of one transport see of the faults that end a connection. */
export type Endings = Readonly<
  Record<
    'cut' | 'reset' | 'half-open' | 'corrupt',
    { readonly hub: readonly Ending[]; readonly site: readonly Ending[] }
  >
>;

const SEND_EVERY_MS = 5;
/** Messages each way before and after a fault. */
const MESSAGES = 50;
const WAIT_MS = 50_000;

/**
 * Each fault alone, in the middle of traffic both ways: how the connection ends, that it comes back by itself, and
 * that of the messages nothing is out of order, doubled, changed or missing beside what the connection took with it.
 */
export function faultSuite(scheme: string, endings: Endings): void {
  describe(`${scheme}: in the middle of traffic, a connection`, () => {
    let hub: Communicator;
    let site: Communicator;
    let proxy: FaultProxy;
    let traffic: Readonly<Record<'hub' | 'site', Traffic>>;
    let talking = Subscription.EMPTY;

    beforeEach(() => join());

    afterEach(async () => {
      talking.unsubscribe();
      await stopAll();
      await proxy[Symbol.asyncDispose]();
    });

    async function join(options: CommunicatorOptions = {}): Promise<void> {
      hub = communicator('hub', options);
      site = communicator('site-1', options);
      traffic = { hub: new Traffic(hub, { run: 1, seed: 1 }), site: new Traffic(site, { run: 1, seed: 2 }) };
      hub.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE);
      proxy = await FaultProxy.listen(await startListening(hub));
      site.addConnector(proxy.url, Mode.ACTIVE);
      await site.start();
      await Promise.all([untilState(hub, 'site-1'), untilState(site, 'hub')]);
      talk();
      await arrived(MESSAGES);
    }

    function talk(): void {
      talking = interval(SEND_EVERY_MS).subscribe(() => {
        traffic.hub.sendSome();
        traffic.site.sendSome();
      });
    }

    /** Resolves when so many more messages have arrived on both sides. */
    async function arrived(more: number): Promise<void> {
      const goals = [traffic.hub, traffic.site].map((side) => ({ side, goal: delivered(side) + more }));
      await until(() => goals.every(({ side, goal }) => delivered(side) >= goal));
    }

    /** Ends the traffic, and finds nothing wrong with it. */
    async function expectNothingUnreported(): Promise<void> {
      talking.unsubscribe();
      const runs = (): readonly Run[] =>
        [hub, site].map(({ localEndpoint: { name } }) => ({
          name,
          run: 1,
          report: { ...traffic[name === 'hub' ? 'hub' : 'site'].report, lagMs: 0 },
          wasKilled: false,
          endedWell: true,
        }));
      await until(() => balance(runs()).violations.every((violation) => !violation.includes('at the end')));
      expect(balance(runs()).violations).toEqual([]);
    }

    /** What both sides see of a fault: how the connection ended, and that the other is READY again. */
    async function seenOf(fault: () => void): Promise<{ hub: Ending; site: Ending }> {
      const seen = Promise.all([endingOf(hub), endingOf(site), statesOf(site), againOf(hub)]);
      fault();
      const [hubEnding, siteEnding, states] = await seen;
      expect(states).toEqual(['DISCONNECTED', 'READY']);
      await Promise.all([untilState(hub, 'site-1'), untilState(site, 'hub')]);
      return { hub: hubEnding, site: siteEnding };
    }

    it.each(['cut', 'reset'] as const)('that is %s ends and comes back', async (type) => {
      const seen = await seenOf(() => proxy.apply({ type }));
      expect(endings[type].hub).toContain(seen.hub);
      expect(endings[type].site).toContain(seen.site);
      await arrived(MESSAGES);
      await expectNothingUnreported();
    });

    it('that is half open ends with TIMEOUT and comes back', async () => {
      talking.unsubscribe();
      await Promise.all([stopAll(), proxy[Symbol.asyncDispose]()]);
      await join({ heartbeatIntervalMs: 200, heartbeatTimeoutMs: 200 });
      const seen = await seenOf(() => proxy.apply({ type: 'half-open' }));
      expect(endings['half-open'].hub).toContain(seen.hub);
      expect(endings['half-open'].site).toContain(seen.site);
      await arrived(MESSAGES);
      await expectNothingUnreported();
    });

    it('with a byte changed in the head of a frame ends with BAD_DATA and comes back', async () => {
      await expectNothingUnreported();
      proxy.apply({ type: 'corrupt', direction: 'up', offset: 0 });
      const seen = await seenOf(talk);
      expect(endings.corrupt.hub).toContain(seen.hub);
      expect(endings.corrupt.site).toContain(seen.site);
      await arrived(MESSAGES);
      await expectNothingUnreported();
    });

    it('that cannot be made again is tried until it can', async () => {
      const refused = firstValueFrom(
        site.lifecycle$.pipe(
          filter((event) => event.type === 'retrying' && event.error?.code === 'NOT_READY'),
          timeout(WAIT_MS),
        ),
      );
      const back = seenOf(() => {
        proxy.apply({ type: 'refuse' });
        proxy.apply({ type: 'reset' });
      });
      await refused;
      proxy.accept();
      await back;
      await arrived(MESSAGES);
      await expectNothingUnreported();
    });

    it.each<[string, Fault, number]>([
      ['a delay', { type: 'delay', ms: 50 }, 200],
      ['little bandwidth', { type: 'throttle', bytesPerSecond: 200_000 }, 200],
      ['small pieces', { type: 'split', maxBytes: 1_000 }, 200],
      ['single bytes', { type: 'split', maxBytes: 1 }, 20],
    ])('bears %s', async (_title, fault, messages) => {
      proxy.apply(fault);
      await arrived(messages);
      proxy.heal();
      await expectNothingUnreported();
      expect([traffic.hub.report.lost, traffic.site.report.lost]).toEqual([{}, {}]);
    });
  });
}

function delivered({ report }: Traffic): number {
  return report.received.reduce((sum, entry) => sum + entry.delivered, 0);
}

async function until(condition: () => boolean): Promise<void> {
  await firstValueFrom(interval(5).pipe(filter(condition), timeout(WAIT_MS)));
}

async function endingOf(side: Communicator): Promise<Ending> {
  const event = await nextEvent(side, 'disconnected');
  return event.error?.code ?? 'clean';
}

/** The next two states of the other side. */
function statesOf({ lifecycle$ }: Communicator): Promise<EndpointState[]> {
  return firstValueFrom(
    lifecycle$.pipe(
      filter((event) => event.type === 'endpoint'),
      map(({ endpoint }) => endpoint.state),
      take(2),
      toArray(),
      timeout(WAIT_MS),
    ),
  );
}

/** The hub may see the new connection before the end of the old one. */
function againOf({ lifecycle$ }: Communicator): Promise<LifecycleEvent> {
  return firstValueFrom(
    lifecycle$.pipe(
      filter(
        (event) =>
          event.type === 'evicted' || (event.type === 'endpoint' && event.endpoint.state === 'READY'),
      ),
      timeout(WAIT_MS),
    ),
  );
}
