import { concatMap, EMPTY, firstValueFrom, ReplaySubject, shareReplay, take, toArray } from 'rxjs';

import type { HandshakeFailure } from '../../../lib/transport/driver.js';
import type { Connection } from '../../../lib/index.js';
import type { Driver, DriverParams } from '../../../lib/transport/driver.js';

/** A listener and what it accepted. */
export interface Listening extends Disposable {
  readonly url: string;
  /** The handshakes below F3 that failed so far. */
  readonly failures: readonly HandshakeFailure[];
  /** The next connection that no earlier call has returned. */
  next(): Promise<Connection>;
}

/** Listens until disposed. */
export async function listening(driver: Driver, params: DriverParams): Promise<Listening> {
  const accepted = new ReplaySubject<Connection>(1_000);
  const listener$ = driver.listen(params).pipe(shareReplay({ bufferSize: 1, refCount: true }));
  const subscription = listener$.pipe(concatMap(({ connections$ }) => connections$)).subscribe(accepted);
  const failures: HandshakeFailure[] = [];
  subscription.add(
    listener$
      .pipe(concatMap(({ failures$ = EMPTY }) => failures$))
      .subscribe((failure) => failures.push(failure)),
  );
  const { url } = await firstValueFrom(listener$);
  let taken = 0;
  return {
    url,
    failures,
    async next() {
      taken += 1;
      const all = await firstValueFrom(accepted.pipe(take(taken), toArray()));
      const connection = all.at(-1);
      if (connection === undefined) throw new Error('the listener has ended');
      return connection;
    },
    [Symbol.dispose]: () => subscription.unsubscribe(),
  };
}

/** How a connection ends: `complete`, or its error. Reads it to its end. */
export function endOf(connection: Connection): Promise<unknown> {
  return new Promise((resolve) => {
    connection.frames$.subscribe({ error: resolve, complete: () => resolve('complete') });
  });
}
