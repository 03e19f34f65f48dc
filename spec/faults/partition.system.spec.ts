import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { EndpointState } from '../../lib/index.js';
import type { PartyConfig } from '../soak/messages.js';
import { PartyProcess } from '../soak/party-process.js';
import { type Cable, Network, networksObstacle, type Place } from './network.js';

const HEARTBEAT_MS = 500;
/** The heartbeat looks four times within its time, and each of three looks may see a thing that much later. */
const DETECTED_MS = 2 * HEARTBEAT_MS + (3 * HEARTBEAT_MS) / 4;
const PORT = 8002;

/** What a machine says that has no namespaces, or not for us: no `ip`, no rights, no such devices. Else it is a bug. */
const NOT_ALLOWED = /spawn ip ENOENT|not permitted|Permission denied|not supported|Unknown device type/;

const obstacle = await networksObstacle();

describe('a hub and a site on two machines, of which the network loses every packet for a while', () => {
  if (obstacle !== '') {
    // Not skipped in silence: whoever reads the results sees that this machine could not, and why.
    it(`cannot be tested here: ${obstacle}`, () => {
      expect(obstacle).toMatch(NOT_ALLOWED);
    });
    return;
  }

  const network = new Network();
  let [hubAt, siteAt]: Place[] = [];
  let cable: Cable;
  let address: string;
  beforeAll(async () => {
    // Addresses for documentation, which no network uses (RFC 5737).
    const middle = await network.addSwitch('192.0.2');
    [hubAt, siteAt] = [await network.addPlace(), await network.addPlace()];
    ({ address } = await network.connect(middle, hubAt));
    cable = await network.connect(middle, siteAt);
  });
  afterAll(() => network[Symbol.asyncDispose]());

  it.each(['tcp', 'http', 'grpc'])(
    '%s: both notice in time, without a reset, and meet again',
    async (scheme) => {
      const url = `${scheme}://${address}:${PORT}`;
      await using hub = new PartyProcess(config('hub', { listen: [url] }), hubAt?.prefix);
      await hub.started();
      await using site = new PartyProcess(
        config('site-1', { connect: [url], sendTo: ['hub'] }),
        siteAt?.prefix,
      );
      await site.started();
      await Promise.all([seen(hub, 'site-1', EndpointState.READY), seen(site, 'hub', EndpointState.READY)]);
      await delivered([hub, site]);

      const gone = Promise.all([
        seen(hub, 'site-1', EndpointState.DISCONNECTED),
        seen(site, 'hub', EndpointState.DISCONNECTED),
      ]);
      await cable.part();
      const partedAt = Date.now();
      const times = await gone;
      await Promise.all([hub.next('report'), site.next('report')]);
      for (const at of times) {
        const lagMs = Math.max(hub.lagSince(partedAt), site.lagSince(partedAt));
        expect(at - partedAt).toBeLessThanOrEqual(DETECTED_MS + lagMs);
      }

      const back = Promise.all([
        seen(hub, 'site-1', EndpointState.READY),
        seen(site, 'hub', EndpointState.READY),
      ]);
      await cable.heal();
      await back;
      await delivered([hub, site]);
      expect(hub.report.lost).toEqual({ TIMEOUT: 1 });
      expect(site.report.lost).toEqual({ TIMEOUT: 1 });
      expect([hub.report.violations, site.report.violations]).toEqual([[], []]);
      expect([await site.stop(), await hub.stop()]).toEqual([[], []]);
    },
  );
});

function config(name: string, rest: Partial<PartyConfig>): PartyConfig {
  return {
    name,
    run: 1,
    seed: 1,
    heartbeatMs: HEARTBEAT_MS,
    marginMs: 60_000,
    listen: [],
    connect: [],
    sendTo: [],
    ...rest,
  };
}

/** When a party has seen this of the other: at once where it has already. */
async function seen(party: PartyProcess, name: string, state: EndpointState): Promise<number> {
  if (party.states.get(name) === state) return Date.now();
  return (await party.next('endpoint', (tidings) => tidings.name === name && tidings.state === state)).at;
}

/** Resolves when each has got messages since now. */
async function delivered(parties: readonly PartyProcess[]): Promise<void> {
  await Promise.all(
    parties.map(async (party) => {
      const count = ({ received }: PartyProcess['report']): number =>
        received.reduce((sum, entry) => sum + entry.delivered, 0);
      const before = count(await party.ask('report'));
      await party.next('report', ({ report }) => count(report) > before);
    }),
  );
}
