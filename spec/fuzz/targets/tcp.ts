import { concatBytes } from '../../support/bytes.js';
import { conversation } from '../corpus.js';
import { Hub, HUB_RULES } from '../hub.js';
import { cutUp, mutate } from '../mutate.js';
import { requireBadData, requireHarmless } from '../outcome.js';
import { RawClient } from '../raw-client.js';
import { Conversation } from '../reference/conversation.js';
import type { FuzzInput, FuzzTarget } from '../target.js';

/** Raw bytes on the socket of a TCP listener. */
export const tcpTarget: FuzzTarget = {
  name: 'tcp',
  kind: 'live',
  make(dice) {
    const stream = concatBytes(conversation(dice));
    const bytes = dice.chance(0.5) ? mutate(stream, dice) : stream;
    return { parts: cutUp(bytes, dice).slice(0, 40), variant: '' };
  },
  async open() {
    const hub = await Hub.open('tcp://127.0.0.1:0');
    return { check: (input) => check(hub, input), close: () => hub.close() };
  },
};

async function check(hub: Hub, { parts }: FuzzInput): Promise<void> {
  const expected = new Conversation(HUB_RULES);
  const restBytes = expected.takeStream(concatBytes(parts));
  const client = await RawClient.connect(hub.url);
  await client.write(parts);
  if (!expected.isBroken) client.end();
  await client.closed();
  const fate = await hub.fateOf(client.address);
  if (expected.isBroken) requireBadData(fate.error);
  else requireHarmless(fate, restBytes === 0);
  await hub.checkBystander();
}
