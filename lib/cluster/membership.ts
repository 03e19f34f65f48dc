import { type Observable, Subject } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';
import { logger } from '../log.js';
import { quoted } from '../quoted.js';
import { type Beat, type Common, decodeBeat, encodeBeat } from './beat.js';
import type { Hops } from './hops.js';
import { Lives } from './lives.js';

const log = logger('cluster');

/** The most replicas of a cluster, so that forged signs of life take no memory. */
export const MAX_REPLICAS = 1_000;

/** What the membership needs of its replica. */
export interface MembershipContext {
  readonly self: string;
  /** What must be the same at all replicas. One that is silent for `replicaTimeoutMs` is gone. */
  readonly common: Common;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** What signs of life tell beside that. */
  readonly hops: Pick<Hops, 'summary' | 'take'>;
  /** Sends a sign of life to all others. */
  readonly publish: (beat: Uint8Array) => void;
}

/** Another replica is there, has said that it leaves, is silent for too long, or has other options, in words. */
export type MembershipChange =
  | { readonly type: 'joined' | 'left' | 'gone'; readonly replica: string }
  | { readonly type: 'differs'; readonly replica: string; readonly difference: string };

/** Which other replicas there are: each gives a sign of life now and then, its beat. */
export class Membership {
  readonly changes$: Observable<MembershipChange>;
  /** Emits at each beat of another replica. */
  readonly beats$: Observable<void>;

  readonly #context: MembershipContext;
  readonly #lives: Lives;
  readonly #changes = new Subject<MembershipChange>();
  readonly #beats = new Subject<void>();
  /** Those that are about to stop. */
  readonly #closing = new Set<string>();
  /** Those that have not joined yet. */
  readonly #joining = new Set<string>();
  /** Those that have other options, and which. */
  readonly #differing = new Map<string, string>();
  /** The latest beats. */
  readonly #heard = new Map<string, Pick<Beat, 'isJoining' | 'common'>>();
  #state: 'joining' | 'joined' | 'leaving' = 'joining';
  /** When our latest beat came back. On a connection with `noEcho` none does. */
  #echoedAt = Infinity;
  /** The latest time in which none came back: a replica missed from then on may live, until some time behind it. */
  #silence = { from: Infinity, until: -Infinity };

  constructor(context: MembershipContext) {
    this.#context = context;
    this.#lives = new Lives(context.common.replicaTimeoutMs);
    this.changes$ = this.#changes.asObservable();
    this.beats$ = this.#beats.asObservable();
  }

  /** How often to {@link Membership.sweep}, in milliseconds. */
  get periodMs(): number {
    return this.#lives.periodMs;
  }

  /** The replicas that live, in order. */
  get alive(): readonly string[] {
    return this.#lives.alive;
  }

  /** Those of them that take messages: they have joined, are not about to stop, and have the same options. */
  get open(): readonly string[] {
    const shut = [this.#joining, this.#closing, this.#differing];
    const { alive } = this.#lives;
    if (shut.every(({ size }) => size === 0)) return alive;
    return alive.filter((replica) => !shut.some((some) => some.has(replica)));
  }

  /** Whether our own beats do not come back, so that NATS is silent, or we were frozen. */
  get isDeaf(): boolean {
    return this.#isDeafAt(this.#context.now());
  }

  /** Whether all that may live have given a beat. */
  get hasHeardAll(): boolean {
    const gone = this.#lives.gone(this.#context.now()).map(([replica]) => replica);
    return [...this.#lives.alive, ...gone].every((replica) => this.#heard.has(replica));
  }

  /** Those that are gone and ours to clean up: one replica does it at a time, and the next one where that did not. */
  get abandoned(): readonly string[] {
    const { alive, periodMs } = this.#lives;
    const { self } = this.#context;
    const joined = alive.filter((replica) => !this.#joining.has(replica));
    const rank = [...joined, self].sort().indexOf(self);
    return this.#lives
      .gone(this.#context.now())
      .filter(([replica, goneForMs]) => goneForMs >= (rank * 4 + 1) * periodMs && !this.mayLive(replica))
      .map(([replica]) => replica);
  }

  isAlive(replica: string): boolean {
    return this.#lives.isAlive(replica);
  }

  /**
   * Whether a replica may have connections, so that nobody takes what it has. One that is gone may
   * - where our own beats do not come back either: then NATS is silent, or we were frozen. Behind that it gets a whole
   *   `replicaTimeoutMs` again;
   * - where it was never heard: it gets as much.
   */
  mayLive(replica: string): boolean {
    const now = this.#context.now();
    const goneForMs = this.#lives.goneForMs(replica, now);
    if (goneForMs === undefined) return this.isAlive(replica);
    if (now - goneForMs >= this.#silentFrom(now)) return true;
    return !this.#heard.has(replica) && goneForMs < this.#context.common.replicaTimeoutMs;
  }

  isClosing(replica: string): boolean {
    return this.#closing.has(replica);
  }

  /** Gives a sign of life, the last one when we leave. */
  beat(): void {
    const { self, common, hops, publish } = this.#context;
    const state = { isJoining: this.#state === 'joining', isLeaving: this.#state === 'leaving' };
    publish(encodeBeat({ replica: self, ...state, common, sentTo: hops.summary }));
  }

  /** Says that we have joined, and tells again of those that differ: while one joins, nobody hears of changes. */
  join(): void {
    this.#state = 'joined';
    this.beat();
    for (const [replica, difference] of this.#differing)
      this.#changes.next({ type: 'differs', replica, difference });
  }

  /** Says that we leave, now and to each that comes. */
  leave(): void {
    this.#state = 'leaving';
    this.beat();
  }

  /** Takes a sign of life. @throws CommError `BAD_DATA` where it is broken */
  takeBeat(beat: Uint8Array): void {
    const { replica, isJoining, isLeaving, common, sentTo } = decodeBeat(beat);
    if (replica === this.#context.self) {
      this.#noteEcho();
      return;
    }
    if (isLeaving) {
      const now = this.#context.now();
      if (this.#lives.left(replica, now)) this.#noteEnd(replica, 'left');
      // Of one that we know by its entries only, it is the first beat, and the last one.
      else if (this.#lives.goneForMs(replica, now) !== undefined)
        this.#heard.set(replica, { isJoining, common });
      return;
    }
    this.seen(replica);
    if (!this.isAlive(replica)) return;
    this.#context.hops.take(replica, sentTo);
    this.#heard.set(replica, { isJoining, common });
    if (isJoining) this.#joining.add(replica);
    else this.#joining.delete(replica);
    if (common !== undefined) this.#noteCommon(replica, common);
    this.#beats.next();
  }

  /**
   * One of those that have joined has to have the same options. Where none has joined, most of those that join decide,
   * and of as many the first one.
   *
   * @throws CommError `BAD_CONFIG` where we may not join
   */
  requireFit(): void {
    const { self, common } = this.#context;
    const heard = this.#lives.alive.flatMap((replica) => {
      const beat = this.#heard.get(replica);
      return beat === undefined
        ? []
        : [{ replica, isJoining: beat.isJoining, common: beat.common ?? common }];
    });
    const members = heard.filter(({ isJoining }) => !isJoining);
    const fits = ({ replica }: { readonly replica: string }): boolean => !this.#differing.has(replica);
    const others = members.length > 0 ? members : heard;
    const isFit =
      members.length > 0
        ? members.some(fits)
        : same(mostCommon([...others, { replica: self, common }]), common);
    const misfit = others.find((each) => !fits(each));
    if (isFit || misfit === undefined) return;
    throw new CommError(CommErrorCode.BAD_CONFIG, `cluster: ${this.#differing.get(misfit.replica)}`);
  }

  /** A replica lives, even if it was taken for gone. */
  seen(replica: string): void {
    const lives = this.#lives;
    if (replica === this.#context.self) return;
    if (!lives.isAlive(replica) && lives.alive.length >= MAX_REPLICAS) return;
    if (!lives.seen(replica, this.#context.now())) return;
    this.#changes.next({ type: 'joined', replica });
    // So that it knows us at once too.
    this.beat();
  }

  /** Something is left of a replica, which may be dead. */
  noteTrace(replica: string): void {
    if (replica !== this.#context.self) this.#lives.noteTrace(replica, this.#context.now());
  }

  /** A replica is about to stop. */
  noteClosing(replica: string): void {
    this.#closing.add(replica);
  }

  /** Nothing is left of a replica that is gone. */
  forget(replica: string): void {
    this.#lives.forget(replica);
    this.#closing.delete(replica);
    this.#heard.delete(replica);
  }

  /** Gives all a whole time again, since it was us who could not hear, and a sign of life. */
  renew(): void {
    this.#lives.renew(this.#context.now());
    this.beat();
  }

  /**
   * Gives a sign of life, and finds those that gave none for too long: those that have joined by their own time too, since
   * with a longer one they give them less often. Of two that differ one is refused, and until then it must not take the
   * other one for gone.
   */
  sweep(): void {
    this.beat();
    const patienceMs = (replica: string): number =>
      this.#joining.has(replica) ? 0 : (this.#heard.get(replica)?.common?.replicaTimeoutMs ?? 0);
    for (const replica of this.#lives.sweep(this.#context.now(), patienceMs)) {
      log('replica %s is silent', replica);
      this.#noteEnd(replica, 'gone');
    }
  }

  #noteEcho(): void {
    const now = this.#context.now();
    if (this.#isDeafAt(now))
      this.#silence = {
        from: this.#silentFrom(now),
        until: now + this.#context.common.replicaTimeoutMs,
      };
    this.#echoedAt = now;
  }

  /** Since when it proves nothing that somebody is missed. A silence goes on where the next one begins before its `until`. */
  #silentFrom(now: number): number {
    const { from, until } = this.#silence;
    if (this.#isDeafAt(now)) return this.#echoedAt < until ? from : this.#echoedAt;
    return now < until ? from : Infinity;
  }

  /** Our beats do not come back. Where they never did, that says nothing. */
  #isDeafAt(now: number): boolean {
    return now - this.#echoedAt > 2 * this.periodMs;
  }

  #noteEnd(replica: string, type: 'left' | 'gone'): void {
    this.#differing.delete(replica);
    this.#joining.delete(replica);
    this.#changes.next({ type, replica });
  }

  #noteCommon(replica: string, common: Common): void {
    if (this.#differing.has(replica)) return;
    const difference = differenceOf(replica, common, this.#context.common);
    if (difference === undefined) return;
    this.#differing.set(replica, difference);
    this.#changes.next({ type: 'differs', replica, difference });
  }
}

function same(one: Common, other: Common): boolean {
  return differenceOf('', one, other) === undefined;
}

/** The options that most have, and of as many those of the first one, in the order of the IDs. */
function mostCommon(all: readonly { readonly replica: string; readonly common: Common }[]): Common {
  const inOrder = [...all].sort((one, other) => (one.replica < other.replica ? -1 : 1));
  const votes = ({ common }: { readonly common: Common }): number =>
    inOrder.filter((each) => same(each.common, common)).length;
  return inOrder.reduce((best, each) => (votes(each) > votes(best) ? each : best)).common;
}

function differenceOf(replica: string, theirs: Common, ours: Common): string | undefined {
  const needed = 'all replicas of a cluster need the same';
  if (theirs.localName !== ours.localName)
    return `replica ${replica} is ${quoted(theirs.localName)}, and this one ${quoted(ours.localName)}: ${needed} name`;
  const [there, here] = [theirs.replicaTimeoutMs, ours.replicaTimeoutMs];
  if (there !== here)
    return `replica ${replica} has replicaTimeoutMs ${there}, and this one ${here}: ${needed}`;
  return undefined;
}
