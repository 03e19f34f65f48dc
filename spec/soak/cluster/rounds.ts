import { seededRandom } from '../../support/random.js';
import { deal } from '../schedule.js';

/** What is done to a cluster. Replicas and sites are numbers from 0. */
export type Fault =
  /** SIGKILL, and started again after so long. */
  | { readonly type: 'kill replica'; readonly replica: number; readonly ms: number }
  /** SIGSTOP and SIGCONT, within the time after which a replica counts as gone. */
  | { readonly type: 'freeze briefly'; readonly replica: number; readonly ms: number }
  /** And for longer. */
  | { readonly type: 'freeze long'; readonly replica: number; readonly ms: number }
  /** SIGKILL, and started again with what it has stored. */
  | { readonly type: 'kill NATS'; readonly ms: number }
  /** Every packet between the two is lost. */
  | { readonly type: 'part from NATS'; readonly replica: number; readonly ms: number }
  | { readonly type: 'part from sites'; readonly replica: number; readonly ms: number }
  /** Two sites of one name connect at the same moment, one of them to the replica after this one. */
  | { readonly type: 'twins'; readonly replica: number; readonly ms: number }
  /** SIGTERM to one replica after the other, which is started again. */
  | { readonly type: 'rolling restart'; readonly ms: number }
  /** `removeEndpoint` at a replica, of a site wherever that is. */
  | { readonly type: 'remove endpoint'; readonly replica: number; readonly site: number }
  | { readonly type: 'kill site'; readonly site: number; readonly ms: number };

/** What is done at the same time. Everything is well before and after it. */
export type Round = readonly Fault[];

/** All kinds that there are. */
export const KINDS = [
  'kill replica',
  'freeze briefly',
  'freeze long',
  'kill NATS',
  'part from NATS',
  'part from sites',
  'twins',
  'rolling restart',
  'remove endpoint',
  'kill site',
] as const satisfies readonly Fault['type'][];

/** How many of a hundred rounds have a second fault. */
const DOUBLE_PERCENT = 40;

/** What rounds are planned for. */
export interface RoundOptions {
  readonly seed: number;
  readonly replicas: number;
  readonly sites: number;
  readonly replicaTimeoutMs: number;
  /** Default: all. */
  readonly kinds?: readonly Fault['type'][];
}

/**
 * Deals faults, the same on every run with the same seed. All kinds are dealt before one comes again. Two of one round
 * are never at the same replica, and a rolling restart is alone.
 */
export function* planRounds({ seed, kinds = KINDS, ...options }: RoundOptions): Generator<Round, never> {
  const random = seededRandom(seed);
  const dealt = deal(kinds, random);
  const replicas = deal([...Array(options.replicas).keys()], random);
  const sites = deal([...Array(options.sites).keys()], random);
  const next = (): Fault =>
    faultOf(dealt.next().value, {
      random,
      replica: () => replicas.next().value,
      site: () => sites.next().value,
      timeoutMs: options.replicaTimeoutMs,
    });
  for (let held: Fault | undefined; ;) {
    const first = held ?? next();
    held = undefined;
    if (random() * 100 >= DOUBLE_PERCENT) {
      yield [first];
      continue;
    }
    const second = next();
    if (mayMeet(first, second)) yield [first, second];
    else {
      yield [first];
      held = second;
    }
  }
}

function mayMeet(first: Fault, second: Fault): boolean {
  if (first.type === 'rolling restart' || second.type === 'rolling restart') return false;
  if (first.type === second.type) return false;
  return !('replica' in first && 'replica' in second && first.replica === second.replica);
}

interface Dice {
  readonly random: () => number;
  readonly replica: () => number;
  readonly site: () => number;
  readonly timeoutMs: number;
}

function faultOf(type: Fault['type'], { random, replica, site, timeoutMs }: Dice): Fault {
  const upTo = (ms: number): number => Math.floor(random() * ms);
  switch (type) {
    case 'kill NATS':
    case 'rolling restart':
      return { type, ms: upTo(2 * timeoutMs) };
    case 'freeze briefly':
      return { type, replica: replica(), ms: upTo(timeoutMs / 2) };
    case 'freeze long':
      return { type, replica: replica(), ms: 1.5 * timeoutMs + upTo(timeoutMs) };
    case 'remove endpoint':
      return { type, replica: replica(), site: site() };
    case 'kill site':
      return { type, site: site(), ms: upTo(timeoutMs) };
    default:
      return { type, replica: replica(), ms: upTo(3 * timeoutMs) };
  }
}
