import type { Observable, Subscription } from 'rxjs';
import { describe, expectTypeOf, it } from 'vitest';

import type {
  Communicator,
  Connection,
  Endpoint,
  LifecycleEvent,
  Message,
  ReceivedMessage,
  StartedListener,
} from '../../lib/index.js';
import type { Driver, DriverParams } from '../../lib/transport/driver.js';

/** What users build on. The compiler checks these, `npm run types`; a change here is a change for them. */
describe('the public types', () => {
  it('of Communicator', () => {
    expectTypeOf<Communicator['start']>().toEqualTypeOf<() => Promise<void>>();
    expectTypeOf<Communicator['stop']>().toEqualTypeOf<() => Promise<void>>();
    expectTypeOf<Communicator['endpoints$']>().toEqualTypeOf<Observable<ReadonlyMap<string, Endpoint>>>();
    expectTypeOf<Communicator['lifecycle$']>().toEqualTypeOf<Observable<LifecycleEvent>>();
    expectTypeOf<Communicator['endpoint']>().toEqualTypeOf<
      (name: string) => Observable<Endpoint | undefined>
    >();
    expectTypeOf<Communicator['ready']>().toEqualTypeOf<(name: string) => Observable<Endpoint>>();
    expectTypeOf<Communicator['messages']>().toEqualTypeOf<(appId: number) => Observable<ReceivedMessage>>();
    expectTypeOf<Communicator['send']>().toEqualTypeOf<
      (endpoint: Endpoint | string, appId: number, message: Message) => boolean
    >();
    expectTypeOf<Communicator['drained']>().toEqualTypeOf<
      (endpoint: Endpoint | string) => Observable<void>
    >();
    expectTypeOf<Communicator['startListener']>().returns.toEqualTypeOf<Promise<StartedListener>>();
    expectTypeOf<Communicator['addConnector']>().returns.toEqualTypeOf<string>();
    expectTypeOf<Communicator['addConnectorAdvanced']>().returns.toEqualTypeOf<string>();
    expectTypeOf<Communicator['removeConnector']>().toEqualTypeOf<(handle: string) => Promise<void>>();
    expectTypeOf<Communicator['findEndpoint']>().toEqualTypeOf<(name: string) => Endpoint | undefined>();
    expectTypeOf<Communicator['registerMonitor']>().returns.toEqualTypeOf<Subscription>();
    expectTypeOf<Communicator['registerMessageReceiver']>().returns.toEqualTypeOf<Subscription>();
  });

  it('of drivers and connections', () => {
    expectTypeOf<Driver['connect']>().toEqualTypeOf<(params: DriverParams) => Observable<Connection>>();
    expectTypeOf<Connection['frames$']>().toEqualTypeOf<Observable<Uint8Array>>();
    expectTypeOf<Connection['send']>().toEqualTypeOf<(head: Uint8Array, payload?: Uint8Array) => boolean>();
  });
});
