/** One side of the memory benchmark, in a process of its own. */
import { setTimeout as sleep } from 'node:timers/promises';

import { filter, firstValueFrom } from 'rxjs';

import { answerRequests } from '../child.js';
import { Communicator, type CommunicatorOf, Endpoint, Mode } from '../package.js';

/** What the main process asks. */
export type Request =
  | { readonly do: 'listen'; readonly url: string }
  | { readonly do: 'connect'; readonly name: string; readonly url: string }
  | { readonly do: 'take'; readonly count: number; readonly pace: Pace }
  | { readonly do: 'send'; readonly count: number; readonly bytes: number }
  | { readonly do: 'echo'; readonly seconds: number }
  | { readonly do: 'stop' };

/** How a receiver takes messages: so many milliseconds for each, for so long; then as fast as they come. */
export interface Pace {
  readonly millisecondsEach: number;
  readonly seconds: number;
}

/** What a receiver saw. */
export interface Taken {
  readonly messages: number;
  /** How many did not carry the number after the one before. */
  readonly outOfOrder: number;
  readonly peakRssBytes: number;
}

/** What a sender saw. */
export interface Sent {
  readonly messages: number;
  readonly seconds: number;
  readonly peakRssBytes: number;
}

const APP = { NUMBERED: 10, ECHO: 11 };
const SAMPLE_MS = 50;

let own: CommunicatorOf | undefined;

answerRequests(async (request: Request): Promise<unknown> => {
  switch (request.do) {
    case 'listen':
      return listen(request.url);
    case 'connect':
      return connect(request.name, request.url);
    case 'take':
      return take(running(), request.count, request.pace);
    case 'send':
      return send(running(), request.count, request.bytes);
    case 'echo':
      return echo(running(), request.seconds);
    case 'stop':
      return own?.stop();
  }
});

function running(): CommunicatorOf {
  if (own === undefined) throw new Error('connect first');
  return own;
}

async function listen(url: string): Promise<string> {
  own = new Communicator(new Endpoint('hub'));
  own.registerMessageReceiver(APP.ECHO, ({ endpoint, message }) => own?.send(endpoint, APP.ECHO, message));
  const bound = firstValueFrom(own.lifecycle$.pipe(filter((event) => event.type === 'listening')));
  own.addConnector(url, Mode.PASSIVE);
  await own.start();
  return (await bound).url;
}

async function connect(name: string, url: string): Promise<void> {
  own = new Communicator(new Endpoint(name));
  own.addConnector(url, Mode.ACTIVE);
  await own.start();
  await firstValueFrom(own.ready('hub'));
}

/** Takes messages one after the other, each as long as the pace says. */
async function take(hub: CommunicatorOf, count: number, pace: Pace): Promise<Taken> {
  let messages = 0;
  let outOfOrder = 0;
  const endsAt = performance.now() + pace.seconds * 1_000;
  let turn = Promise.resolve();
  const peak = watchRss();
  await new Promise<void>((resolve) => {
    const receiver = hub.registerMessageReceiver(APP.NUMBERED, ({ message }) => {
      const { payload = new Uint8Array(4) } = message;
      const number = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
      turn = turn.then(async () => {
        if (number !== messages) outOfOrder += 1;
        messages += 1;
        if (performance.now() < endsAt) await sleep(pace.millisecondsEach);
        if (messages < count) return;
        receiver.unsubscribe();
        resolve();
      });
      return turn;
    });
  });
  return { messages, outOfOrder, peakRssBytes: peak() };
}

/** Sends numbered messages at the pace of the receiver, each in memory of its own. */
async function send(site: CommunicatorOf, count: number, bytes: number): Promise<Sent> {
  const peak = watchRss();
  const startedAt = performance.now();
  function* numbered() {
    for (let number = 0; number < count; number += 1) {
      const payload = Buffer.allocUnsafeSlow(bytes);
      payload.writeUInt32BE(number);
      yield { payload };
    }
  }
  const messages = await site.sendAll('hub', APP.NUMBERED, numbered());
  await firstValueFrom(site.drained('hub'));
  return { messages, seconds: (performance.now() - startedAt) / 1_000, peakRssBytes: peak() };
}

/** One small message there and back, over and over; the milliseconds of each. */
async function echo(site: CommunicatorOf, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const endsAt = performance.now() + seconds * 1_000;
  while (performance.now() < endsAt) {
    const startedAt = performance.now();
    const back = firstValueFrom(site.messages(APP.ECHO));
    site.send('hub', APP.ECHO, { payload: new Uint8Array(100) });
    await back;
    times.push(performance.now() - startedAt);
    await sleep(2);
  }
  return times;
}

/** Watches the memory of this process; the function that comes back stops, and tells the most it took. */
function watchRss(): () => number {
  let peak = process.memoryUsage.rss();
  const look = (): void => void (peak = Math.max(peak, process.memoryUsage.rss()));
  const timer = setInterval(look, SAMPLE_MS);
  return () => {
    clearInterval(timer);
    look();
    return peak;
  };
}
