import { firstValueFrom, type Observable, Subscription } from 'rxjs';

import type { Connection } from '../../lib/index.js';
import type { DriverParams } from '../../lib/transport/driver.js';
import { encodeHead } from '../../lib/wire/frame.js';
import { FrameType } from '../../lib/wire/prefix.js';
import { pattern } from '../support/pattern.js';
import type { ContractSubject } from './driver-contract.js';

/** Two connected connections, and what keeps them. */
export interface Pair {
  readonly active: Connection;
  readonly passive: Connection;
  readonly url: string;
  readonly listenParams: DriverParams;
  readonly listening: Subscription;
  readonly connecting: Subscription;
  release(): Promise<void>;
}

/** Listens, connects, and waits for both sides. */
export async function pair(subject: ContractSubject): Promise<Pair> {
  const { driver } = subject;
  const params = await subject.listenParams();
  const { first: listener, subscription: listening } = await firstOf(driver.listen(params));
  const accepted = firstValueFrom(listener.connections$);
  const { first: active, subscription: connecting } = await firstOf(
    driver.connect(subject.connectParams(listener.url)),
  );
  const passive = await accepted;
  return {
    active,
    passive,
    url: listener.url,
    listenParams: params,
    listening,
    connecting,
    async release() {
      const closed = Promise.all([active.close(), passive.close()]);
      connecting.unsubscribe();
      await closed;
      listening.unsubscribe();
    },
  };
}

/** The prefix of a frame with a number in it and a payload of `size` bytes to follow. A copy of its own. */
export function encodedHead(number: number, size: number): Uint8Array {
  return encodeHead({ type: FrameType.DATA, appId: 1, streamId: number }, size).slice();
}

/** The whole frame. */
export function frameOf(number: number, size: number): Uint8Array {
  return new Uint8Array(Buffer.concat([encodedHead(number, size), pattern(size, number)]));
}

/** The first value of a stream that goes on being subscribed; a later error shows in the connection itself. */
function firstOf<T>(source$: Observable<T>): Promise<{ first: T; subscription: Subscription }> {
  return new Promise((resolve, reject) => {
    const subscription = new Subscription();
    subscription.add(source$.subscribe({ next: (first) => resolve({ first, subscription }), error: reject }));
  });
}
