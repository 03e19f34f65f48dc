import { Endpoint } from '../../../lib/endpoint.js';
import { resolveOptions } from '../../../lib/options.js';
import { MessageRouter } from '../../../lib/sfm/message-router.js';
import { Session } from '../../../lib/sfm/session.js';
import { Mode } from '../../../lib/transport/driver.js';
import { FrameType } from '../../../lib/wire/prefix.js';
import { FakeConnection } from '../../support/fake-connection.js';
import { conversation } from '../corpus.js';
import { requireBadData } from '../outcome.js';
import { Conversation } from '../reference/conversation.js';
import { type FuzzInput, type FuzzTarget, insist } from '../target.js';

const LOCAL = new Endpoint('hub');
const OPTIONS = resolveOptions();

/** A whole session, fed with frames in any order. The variant is its mode. */
export const sessionTarget: FuzzTarget = {
  name: 'session',
  kind: 'pure',
  make(dice) {
    const variant = dice.pick([Mode.PASSIVE, Mode.PASSIVE, Mode.ACTIVE]);
    const parts = conversation(dice, variant === Mode.ACTIVE ? 'READY' : 'HELLO');
    return { parts: parts.filter(({ length }) => length > 0), variant };
  },
  open: () => Promise.resolve({ check, close: () => Promise.resolve() }),
};

/** Counts messages, and has no receiver for any. */
class CountingRouter extends MessageRouter {
  routed = 0;

  override route(): boolean {
    this.routed += 1;
    return true;
  }
}

function check({ parts, variant }: FuzzInput): undefined {
  const mode = variant === Mode.ACTIVE ? Mode.ACTIVE : Mode.PASSIVE;
  const greeting = mode === Mode.ACTIVE ? 'READY' : 'HELLO';
  const expected = new Conversation({
    greeting,
    localName: LOCAL.name,
    maxFrameBytes: OPTIONS.maxFrameBytes,
  });
  const connection = new FakeConnection();
  const router = new CountingRouter(1_000);
  const role = { handle: 'CH00001', scheme: 'tcp', mode, mtls: false, heartbeat: true };
  const session = new Session(connection, role, { local: LOCAL, options: OPTIONS, router });
  const { seen, failure } = watch(session);
  for (const frame of parts) {
    expected.take(frame);
    connection.deliver(frame);
  }
  insist(
    connection.isOpen !== expected.isBroken,
    `expected it ${expected.isBroken ? 'closed' : 'open'}`,
    failure(),
  );
  if (expected.isBroken) requireBadData(failure());
  else connection.finish();
  insist(router.routed === expected.deliveries, `${router.routed} of ${expected.deliveries} messages came`);
  const { PONG, READY } = FrameType;
  const sent = connection.frames.map(({ type }) => type);
  const pongs = sent.filter((type) => type === PONG).length;
  insist(pongs === expected.pings, `${pongs} of ${expected.pings} PINGs were answered`);
  const isReady = expected.isGreeted && mode === Mode.PASSIVE;
  insist(sent.includes(READY) === isReady, `READY was ${isReady ? 'not ' : ''}sent`);
  const story = ['opened', ...(expected.isGreeted ? ['greeted', 'ready'] : []), 'closed', 'complete'].join();
  const told = seen.filter((type) => type !== 'settled').join();
  insist(told === story, `expected the events ${story}, got ${told}`);
}

function watch(session: Session) {
  const seen: string[] = [];
  let failure: unknown;
  session.events$.subscribe({
    next: (event) => {
      seen.push(event.type);
      if (event.type === 'greeted') session.welcome(event.endpoint, () => 17);
      if (event.type === 'closed') failure = event.error;
    },
    error: (error: unknown) => seen.push(`error ${String(error)}`),
    complete: () => seen.push('complete'),
  });
  return { seen, failure: () => failure };
}
