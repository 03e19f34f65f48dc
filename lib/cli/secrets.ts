import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** What is compared, in place of the secret itself. */
interface Kept {
  readonly digest: Buffer;
  expiresAt: number;
}

/**
 * A few secrets that expire. Only their digests are kept, and all of them are compared, each in constant time: how
 * long an answer takes says nothing about a secret.
 */
export class Secrets {
  readonly #limit: number;
  readonly #lifetimeMs: number;
  readonly #now: () => number;
  #kept: readonly Kept[] = [];

  /**
   * @param limit - how many there are at a time; one more evicts the oldest
   * @param lifetimeMs - how long each is good
   * @param now - a clock in milliseconds that never goes back. Default: the monotonic clock of the process
   */
  constructor(limit: number, lifetimeMs: number, now: () => number = () => performance.now()) {
    this.#limit = limit;
    this.#lifetimeMs = lifetimeMs;
    this.#now = now;
  }

  /** A new secret of 192 random bits, in characters that need no escape in a URL. */
  issue(): string {
    const secret = randomBytes(24).toString('base64url');
    const entry = { digest: digestOf(secret), expiresAt: this.#now() + this.#lifetimeMs };
    this.#kept = [...this.#live(), entry].slice(-this.#limit);
    return secret;
  }

  /** Whether a secret is good. It is then good for another lifetime. */
  touch(secret: string): boolean {
    const entry = this.#find(secret);
    if (entry !== undefined) entry.expiresAt = this.#now() + this.#lifetimeMs;
    return entry !== undefined;
  }

  /** Whether a secret is good; it is not any more after that. */
  redeem(secret: string): boolean {
    const entry = this.#find(secret);
    this.#kept = this.#kept.filter((each) => each !== entry);
    return entry !== undefined;
  }

  #find(secret: string): Kept | undefined {
    const digest = digestOf(secret);
    this.#kept = this.#live();
    const matching = this.#kept.filter((each) => timingSafeEqual(each.digest, digest));
    return matching[0];
  }

  #live(): readonly Kept[] {
    const now = this.#now();
    return this.#kept.filter(({ expiresAt }) => expiresAt > now);
  }
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
