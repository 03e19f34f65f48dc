import { merge, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, it } from 'vitest';

import type { CommError } from '../../lib/comm-error.js';
import { Endpoint } from '../../lib/endpoint.js';
import { resolveOptions } from '../../lib/options.js';
import { EndpointRegistry } from '../../lib/sfm/endpoint-registry.js';
import { MessageRouter } from '../../lib/sfm/message-router.js';
import { SessionTable } from '../../lib/sfm/session-table.js';
import { Mode } from '../../lib/transport/driver.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { admitAll } from '../../lib/sfm/with-admission.js';
import { FakeConnection, helloOf } from '../support/fake-connection.js';

/** A site that is greeted and then says nothing, over some time; with what was sent to it, and how it ended. */
function silentSite(heartbeat: boolean, minutes: number) {
  const scheduler = new VirtualTimeScheduler(undefined, minutes * 60_000);
  const options = resolveOptions({
    scheduler,
    settleTimeoutMs: 0,
    heartbeatIntervalMs: 60_000,
    heartbeatTimeoutMs: 30_000,
  });
  const router = new MessageRouter(1_000);
  const registry = new EndpointRegistry(options);
  const table = new SessionTable({ local: new Endpoint('hub'), options, router, decide: admitAll });
  const connection = new FakeConnection();
  let error: CommError | undefined;
  registry.lifecycle$.subscribe((event) => {
    if (event.type === 'disconnected') error = event.error;
  });
  const role = { scheme: 'tcp', handle: 'CH00001', mode: Mode.PASSIVE, mtls: false, heartbeat };
  const loop = registry.run(merge(table.run(connection, role), table.heartbeat$));
  connection.deliver(helloOf(new Endpoint('site-1')));
  scheduler.flush();
  loop.unsubscribe();
  const pings = connection.frames.filter(({ type }) => type === FrameType.PING).length;
  return { pings, code: error?.code, isOpen: connection.isOpen };
}

describe('the heartbeat', () => {
  it('asks a silent peer for a sign of life', () => {
    expect(silentSite(true, 1.2)).toEqual({ pings: 1, code: undefined, isOpen: true });
  });

  it('closes a peer that stays silent', () => {
    expect(silentSite(true, 3)).toEqual({ pings: 1, code: 'TIMEOUT', isOpen: false });
  });

  it('leaves a peer alone whose transport needs none', () => {
    expect(silentSite(false, 10)).toEqual({ pings: 0, code: undefined, isOpen: true });
  });
});
