import { defer, finalize, NEVER, type Observable } from 'rxjs';

import type { Connection } from '../../lib/transport/connection.js';
import type {
  Driver,
  DriverCapabilities,
  DriverParams,
  Listener,
  ListenerUrls,
} from '../../lib/transport/driver.js';

/** A driver that plays what it is given, and counts. */
export class FakeDriver implements Driver {
  readonly schemes = ['fake'];
  readonly capabilities: DriverCapabilities;
  readonly #connect$: Observable<Connection>;
  readonly #listen$: Observable<Listener>;
  /** How many attempts are under way. */
  open = 0;
  params: DriverParams | undefined;

  constructor(connect$: Observable<Connection>, listen$: Observable<Listener> = NEVER, heartbeat = false) {
    this.capabilities = { tls: false, heartbeat, listen: true };
    this.#connect$ = connect$;
    this.#listen$ = listen$;
  }

  connect(params: DriverParams): Observable<Connection> {
    return this.#counted(this.#connect$, params);
  }

  listen(params: DriverParams): Observable<Listener> {
    return this.#counted(this.#listen$, params);
  }

  resolveUrls(): Promise<ListenerUrls> {
    return Promise.reject(new Error('not used'));
  }

  #counted<T>(source$: Observable<T>, params: DriverParams): Observable<T> {
    return defer(() => {
      this.params = params;
      this.open += 1;
      return source$.pipe(finalize(() => (this.open -= 1)));
    });
  }
}
