import { expect, it } from 'vitest';

import type { Losses, Origin } from '../../lib/cluster-contract.js';
import { RelayedMessages, withoutLosses } from '../../lib/sfm/relayed-messages.js';
import type { EncodedMessage } from '../../lib/sink.js';
import { NOTHING } from '../../lib/stats.js';

class Recorder implements Origin {
  readonly heard: string[] = [];

  written(bytes: number): void {
    this.heard.push(`written ${bytes}`);
  }

  lost({ undelivered, unknown }: Losses): void {
    this.heard.push(`lost ${undelivered.messages}/${undelivered.bytes} ${unknown.messages}/${unknown.bytes}`);
  }

  returned({ head }: EncodedMessage): void {
    this.heard.push(`returned ${head.length}`);
  }
}

function tally(messages: number) {
  return { messages, bytes: messages };
}

it('an origin hears of each of its messages, once, when it is written', () => {
  const [one, two] = [new Recorder(), new Recorder()];
  const relayed = new RelayedMessages();
  relayed.add({ position: 1, bytes: 10, origin: one });
  relayed.add({ position: 3, bytes: 30, origin: two });
  relayed.add({ position: 4, bytes: 40, origin: one });
  relayed.written(2);
  relayed.written(3);
  relayed.written(3);
  expect([one.heard, two.heard]).toEqual([['written 10'], ['written 30']]);
});

it('of a loss the last ones are undelivered, those before them unknown, and all others were written', () => {
  const [one, two] = [new Recorder(), new Recorder()];
  const relayed = new RelayedMessages();
  // Positions 2 and 5 are messages of our own.
  for (const position of [1, 3, 4, 6, 7])
    relayed.add({ position, bytes: position, origin: position % 2 === 0 ? two : one });
  relayed.detach(7);
  const lost = relayed.lose({ undelivered: tally(2), unknown: tally(3) });
  expect(lost).toMatchObject({
    undelivered: { messages: 2, bytes: 13 },
    unknown: { messages: 2, bytes: 7 },
  });
  expect(one.heard).toEqual(['written 1', 'lost 1/7 1/3']);
  expect(two.heard).toEqual(['lost 1/6 1/4']);
  expect(withoutLosses({ undelivered: tally(2), unknown: tally(3) }, lost)).toMatchObject({
    undelivered: { messages: 0 },
    unknown: { messages: 1 },
  });
});

it('what a connection had that is replaced is not written by the next one', () => {
  const one = new Recorder();
  const relayed = new RelayedMessages();
  for (const position of [1, 2, 3]) relayed.add({ position, bytes: 1, origin: one });
  relayed.detach(2);
  relayed.written(3);
  expect(one.heard).toEqual(['written 1']);
  relayed.lose({ undelivered: NOTHING, unknown: tally(2) });
  expect(one.heard).toEqual(['written 1', 'lost 0/0 2/2']);
});
