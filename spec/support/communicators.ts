import { filter, firstValueFrom, map, type Observable, timeout } from 'rxjs';

import {
  Communicator,
  type CommunicatorOptions,
  Endpoint,
  EndpointState,
  type LifecycleEvent,
} from '../../lib/index.js';

const running = new Set<Communicator>();
let underneath: (options: CommunicatorOptions) => CommunicatorOptions = () => ({});

/** Adds options to each communicator that is made from now on, unless it has them itself. */
export function underEach(options: (given: CommunicatorOptions) => CommunicatorOptions): void {
  underneath = options;
}

/** A communicator that {@link stopAll} stops. Reconnects at once, so that tests need not wait. */
export function communicator(endpoint: Endpoint | string, options: CommunicatorOptions = {}): Communicator {
  const local = typeof endpoint === 'string' ? new Endpoint(endpoint) : endpoint;
  const defaults = { reconnectDelayMs: 50, maxReconnectDelayMs: 200, ...underneath(options) };
  const made = new Communicator(local, { ...defaults, ...options });
  running.add(made);
  return made;
}

/** Stops every communicator made here; for `afterEach`. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((each) => each.stop()));
  running.clear();
}

/** Resolves when an endpoint is in a state, at once if it is there already. */
export function untilState(
  { endpoints$ }: Communicator,
  name: string,
  state: EndpointState = EndpointState.READY,
  timeoutMs = 50_000,
): Promise<Endpoint> {
  const found$ = endpoints$.pipe(
    map((endpoints) => endpoints.get(name)),
    filter((endpoint) => endpoint?.state === state),
    filter((endpoint) => endpoint !== undefined),
  );
  return firstValueFrom(within(found$, timeoutMs, `${name} ${state}`));
}

type EventOf<T extends LifecycleEvent['type']> = Extract<LifecycleEvent, { type: T }>;

/** The next lifecycle event of a type. Ask before it happens. */
export function nextEvent<T extends LifecycleEvent['type']>(
  { lifecycle$ }: Communicator,
  type: T,
  timeoutMs = 50_000,
): Promise<EventOf<T>> {
  const event$ = lifecycle$.pipe(filter((event): event is EventOf<T> => event.type === type));
  return firstValueFrom(within(event$, timeoutMs, `an event ${type}`));
}

/** Starts a communicator that listens on one URL, and tells where. */
export async function startListening(listener: Communicator): Promise<string> {
  const listening = nextEvent(listener, 'listening');
  await listener.start();
  return (await listening).url;
}

function within<T>(source$: Observable<T>, timeoutMs: number, what: string): Observable<T> {
  return source$.pipe(
    timeout({
      first: timeoutMs,
      with: () => {
        throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
      },
    }),
  );
}
