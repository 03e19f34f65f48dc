import { distinctUntilChanged, map, type Observable, Subscription } from 'rxjs';

import type { Cell } from '../../cellnet/index.js';
import { type Endpoint, EndpointState, isReady } from '../../endpoint.js';
import { isWatcher } from '../../watcher.js';

/** What a server and a client of cells emit as `status`: whether a neighbour is READY, watchers apart. */
export type CellStatus = 'connected' | 'disconnected';

/** What `on` of a server and of a client of cells takes: a neighbour became READY (`connect`), or went (`disconnect`). */
export type CellEvents = Record<'connect' | 'disconnect', (neighbour: Endpoint) => void>;

const STATES: Readonly<Record<keyof CellEvents, EndpointState>> = {
  connect: EndpointState.READY,
  disconnect: EndpointState.DISCONNECTED,
};

/** What a server and a client of cells have in common: the communicator below the cell, and what is seen of it. */
export class CellLink {
  readonly cell: Cell;
  readonly status$: Observable<CellStatus>;
  readonly #listening = new Subscription();
  #isStarter = false;

  constructor(cell: Cell) {
    this.cell = cell;
    this.status$ = cell.communicator.endpoints$.pipe(
      map((endpoints) => ([...endpoints.values()].some(isNeighbour) ? 'connected' : 'disconnected')),
      distinctUntilChanged(),
    );
  }

  /** Starts the communicator where nobody has. */
  async start(): Promise<void> {
    const { communicator } = this.cell;
    this.#isStarter ||= !communicator.isRunning;
    await communicator.start();
  }

  /** Calls back until `stop`. What the callback throws is reported on `lifecycle$` of the communicator. */
  on(event: keyof CellEvents, callback: (neighbour: Endpoint) => void): void {
    const monitoring = this.cell.communicator.registerMonitor((endpoint) => {
      if (endpoint.state === STATES[event] && !isWatcher(endpoint)) callback(endpoint);
    });
    this.#listening.add(monitoring);
  }

  /** Stops the communicator where `start` has started it. */
  async stop(): Promise<void> {
    this.#listening.unsubscribe();
    if (this.#isStarter) await this.cell.communicator.stop();
  }
}

/** A watcher, such as a dashboard, is no cell to ask. */
function isNeighbour(endpoint: Endpoint): boolean {
  return isReady(endpoint) && !isWatcher(endpoint);
}
