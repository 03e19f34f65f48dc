import { EMPTY, NEVER, of, Subject, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { CommError, CommErrorCode } from '../../lib/comm-error.js';
import { Endpoint } from '../../lib/endpoint.js';
import { callVerifyHook, VerdictError } from '../../lib/sfm/call-verify-hook.js';
import { Mode } from '../../lib/transport/driver.js';
import type { VerifyEndpoint } from '../../lib/verify-endpoint.js';

const candidate = {
  endpoint: new Endpoint('site-1'),
  connection: { local_addr: 'a', peer_addr: 'b' },
  scheme: 'tcp',
  mode: Mode.PASSIVE,
};
const boom = new Error('boom');

/** What comes of a hook: `in`, the reason of a refusal, or nothing yet. */
function outcomeOf(hook: VerifyEndpoint) {
  const seen = { outcome: undefined as string | undefined, code: '' as string, thrown: undefined as unknown };
  const subscription = callVerifyHook(hook, candidate).subscribe({
    complete: () => (seen.outcome = 'in'),
    error: (error: unknown) => {
      const { code, message, cause } = CommError.from(error);
      seen.outcome = message;
      seen.code = code;
      seen.thrown = cause;
    },
  });
  return { seen, subscription };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a refusal of verifyEndpoint', () => {
  it.each<[string, ReturnType<VerifyEndpoint>, string]>([
    ['nothing of a reason', 'token of May', ''],
    ['nothing of false', false, ''],
    ['what is for it', { tellPeer: 'log in', reason: 'token of May' }, 'log in'],
  ])('tells the peer %s', (_, verdict, told) => {
    const seen: unknown[] = [];
    callVerifyHook(() => verdict, candidate).subscribe({
      error: (error: unknown) => seen.push(error instanceof VerdictError && error.told),
    });
    expect(seen).toEqual([told]);
  });
});

describe('an answer of verifyEndpoint', () => {
  it.each<[string, VerifyEndpoint, string | undefined]>([
    ['true', () => true, 'in'],
    ['an Observable of true', () => of(true, false), 'in'],
    ['false', () => false, 'verifyEndpoint answered false'],
    ['a reason', () => 'no such token', 'no such token'],
    ['an empty reason', () => '', ''],
    ['what the peer may know', () => ({ tellPeer: 'log in' }), 'log in'],
    ['that and a reason', () => ({ tellPeer: 'log in', reason: 'token of May' }), 'token of May'],
    ['an Observable of a reason', () => of('no such token'), 'no such token'],
    [
      'nothing',
      (() => undefined) as unknown as VerifyEndpoint,
      'verifyEndpoint: expected true, false or a reason, got undefined',
    ],
    ['an empty Observable', () => EMPTY, 'verifyEndpoint: expected true, false or a reason, got undefined'],
    [
      'what is only like true',
      (() => 1) as unknown as VerifyEndpoint,
      'verifyEndpoint: expected true, false or a reason, got number',
    ],
    ['an Observable that waits', () => NEVER, undefined],
  ])('may be %s, at once', (_, hook, outcome) => {
    const { seen } = outcomeOf(hook);
    expect([seen.outcome, seen.thrown]).toEqual([outcome, undefined]);
    if (outcome !== undefined && outcome !== 'in') expect(seen.code).toBe(CommErrorCode.REFUSED);
  });

  it.each<[string, VerifyEndpoint, string]>([
    ['true', () => Promise.resolve(true), 'in'],
    ['a reason', () => Promise.resolve('no such token'), 'no such token'],
  ])('may be a promise of %s', async (_, hook, outcome) => {
    const { seen } = outcomeOf(hook);
    expect(seen.outcome).toBeUndefined();
    await settled();
    expect(seen.outcome).toBe(outcome);
  });

  it.each<[string, VerifyEndpoint]>([
    [
      'throws',
      () => {
        throw boom;
      },
    ],
    ['rejects', () => Promise.reject(boom)],
    ['errors', () => throwError(() => boom)],
  ])('refuses and is reported when it %s', async (_, hook) => {
    const { seen } = outcomeOf(hook);
    await settled();
    expect([seen.outcome, seen.thrown, seen.code]).toEqual([
      'verifyEndpoint failed: boom',
      boom,
      CommErrorCode.ERROR,
    ]);
  });

  it('sees the candidate, and its Observable is let go when nobody waits any more', () => {
    const answer = new Subject<boolean>();
    const candidates: unknown[] = [];
    const { subscription } = outcomeOf((each) => {
      candidates.push(each);
      return answer;
    });
    expect([candidates, answer.observed]).toEqual([[candidate], true]);
    subscription.unsubscribe();
    expect(answer.observed).toBe(false);
  });
});
