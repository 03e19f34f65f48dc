import {
  DestroyRef,
  type EnvironmentProviders,
  inject,
  InjectionToken,
  makeEnvironmentProviders,
  NgZone,
  PLATFORM_ID,
} from '@angular/core';

import { Communicator as BrowserCommunicator } from '../browser.js';
import type { Communicator } from '../communicator.js';
import { Endpoint } from '../endpoint.js';
import type { CommunicatorOptions } from '../options.js';
import type { DriverRegistry } from '../transport/driver-registry.js';
import { connectTo, reconnect } from './connectors.js';

/** What {@link provideCommunicator} makes a communicator of. */
export interface CommunicatorConfig {
  /** Who we are. Each page needs a name of its own: two pages under one name evict each other. */
  readonly endpoint: Endpoint;
  /** Where to connect to, such as `https://hub.example.com`. A connector for each keeps trying. */
  readonly urls: readonly string[];
  /** Default: the `DEFAULTS` of `rxflare`. */
  readonly options?: CommunicatorOptions;
  /** Default: `browserDrivers()`. */
  readonly drivers?: DriverRegistry;
}

/**
 * The communicator of the application. Provide it yourself for one that you make, start and stop, such as one of a
 * `VirtualNetwork` in a test: `{ provide: COMMUNICATOR, useValue: communicator }`.
 */
export const COMMUNICATOR = new InjectionToken<Communicator>('the communicator, see provideCommunicator');

/**
 * Provides one communicator, in `bootstrapApplication` or in the `providers` of a route. It is made and started when
 * it is first injected, and stops when the injector is destroyed. It runs outside the Angular zone, where there is one:
 * signals refresh what reads them all the same.
 *
 * On a server (SSR, prerendering) it does nothing: no connector is added, a factory is not called, signals keep their
 * first values, and `send` throws `CLOSED`.
 *
 * Injecting it throws CommError `BAD_CONFIG` for an option or URL that cannot be, `NOT_SUPPORTED` for an unknown scheme.
 *
 * @param config - or a function that returns it, in an injection context
 */
export function provideCommunicator(
  config: CommunicatorConfig | (() => CommunicatorConfig),
): EnvironmentProviders {
  return makeEnvironmentProviders([{ provide: COMMUNICATOR, useFactory: () => startedCommunicator(config) }]);
}

/**
 * The communicator that {@link provideCommunicator} provides. To be called in an injection context.
 */
export function injectCommunicator(): Communicator {
  return inject(COMMUNICATOR);
}

/**
 * A function that connects to the hubs again at once, and asks for `properties` anew: after a login, where
 * `afterRefusal: 'stop'` has stopped the connectors, or for a button "try now" while they wait. A live connection is
 * closed in good order first. While one call is under way, others do nothing; so do all calls on a server, and where you
 * provide {@link COMMUNICATOR} yourself. To be called in an injection context.
 */
export function injectReconnect(): () => void {
  const communicator = injectCommunicator();
  const zone = inject(NgZone);
  return () => zone.runOutsideAngular(() => reconnect(communicator));
}

function startedCommunicator(config: CommunicatorConfig | (() => CommunicatorConfig)): Communicator {
  const platform: unknown = inject(PLATFORM_ID);
  if (platform === 'server') return new BrowserCommunicator(new Endpoint('server'));
  const { endpoint, urls, options, drivers } = typeof config === 'function' ? config() : config;
  const destroyRef = inject(DestroyRef);
  // Timers of a heartbeat would keep an application with zone.js busy, and never stable.
  return inject(NgZone).runOutsideAngular(() => {
    const communicator = new BrowserCommunicator(endpoint, options, drivers);
    const disconnect = connectTo(communicator, urls);
    destroyRef.onDestroy(() => {
      disconnect();
      void communicator.stop();
    });
    void communicator.start(); // Connectors that listen could fail here; these connect, and keep trying.
    return communicator;
  });
}
