import {
  concat,
  EMPTY,
  finalize,
  mergeMap,
  NEVER,
  type Observable,
  of,
  type OperatorFunction,
  range,
  Subject,
  Subscription,
  take,
} from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { mergeMany } from '../../lib/transport/merge-many.js';

type Operator = (project: (name: string) => Observable<string>) => OperatorFunction<string, string>;

const ours: Operator = (project) => mergeMany(project);
const original: Operator = (project) => mergeMap(project);

const INNER: Readonly<Record<string, string>> = { a: '--x--y|', b: '-z|', c: '-#', d: '---' };

/** What an operator makes of lives that begin where the letters are, each as drawn in {@link INNER}. */
function drawn(operator: Operator, source: string, unsubscribed?: string): readonly string[] {
  const seen: string[] = [];
  const scheduler = new TestScheduler(() => undefined);
  scheduler.run(({ hot, cold, flush }) => {
    const note = (what: string) => seen.push(`${scheduler.now()} ${what}`);
    const life = (name: string) => cold(INNER[name] ?? '|').pipe(finalize(() => note(`${name} ends`)));
    const result = hot(source)
      .pipe(operator(life))
      .subscribe({ next: note, error: () => note('error'), complete: () => note('complete') });
    if (unsubscribed !== undefined) hot(unsubscribed).subscribe({ complete: () => result.unsubscribe() });
    flush();
  });
  return seen;
}

/** The lives that were begun and have not been let go. */
function countedLives() {
  const living = new Set<string>();
  const live = (name: string, life$: Observable<string>) => {
    living.add(name);
    return life$.pipe(finalize(() => living.delete(name)));
  };
  return { living, live };
}

describe('mergeMany', () => {
  it.each([
    ['lives that overlap', '-a-b-a|'],
    ['a source that ends last', 'b-----|'],
    ['an error of a life', 'a-c-a|'],
    ['an error of the source', 'a-#'],
    ['a life that has no end', 'd-a-|'],
    ['no life', '--|'],
  ])('does what mergeMap does with %s', (_, source) => {
    expect(drawn(ours, source)).not.toEqual([]);
    expect(drawn(ours, source)).toEqual(drawn(original, source));
    expect(drawn(ours, source, '----|')).toEqual(drawn(original, source, '----|'));
  });

  it('lets every life go when it is let go, and when one fails', () => {
    for (const end of [
      (result: Subscription) => result.unsubscribe(),
      (_: unknown, bad: Subject<string>) => bad.error(new Error('bad')),
    ]) {
      const { living, live } = countedLives();
      const [source, bad] = [new Subject<string>(), new Subject<string>()];
      const result = source
        .pipe(mergeMany((name) => live(name, name === 'bad' ? bad : NEVER)))
        .subscribe({ error: () => undefined });
      for (const name of ['one', 'bad', 'two']) source.next(name);
      expect([...living]).toEqual(['one', 'bad', 'two']);
      end(result, bad);
      expect([living.size, source.observed, bad.observed]).toEqual([0, false, false]);
    }
  });

  it('lets a life go that ends its own listener while it begins', () => {
    const { living, live } = countedLives();
    const source = new Subject<string>();
    const seen: string[] = [];
    source
      .pipe(
        mergeMany((name) =>
          live(name, of(name, 'late').pipe(mergeMap((each) => (each === 'late' ? NEVER : of(each))))),
        ),
        take(1),
      )
      .subscribe((name) => seen.push(name));
    source.next('one');
    source.next('two');
    expect([seen, living.size, source.observed]).toEqual([['one'], 0, false]);
  });

  it('completes behind a life that is beginning when the source ends', () => {
    const source = new Subject<string>();
    const late = new Subject<string>();
    const seen: string[] = [];
    source.pipe(mergeMany((name) => concat(of(name), late))).subscribe({
      next: (name) => {
        seen.push(name);
        source.complete();
      },
      complete: () => seen.push('complete'),
    });
    source.next('one');
    expect(seen).toEqual(['one']);
    late.complete();
    expect(seen).toEqual(['one', 'complete']);
  });

  it('begins no life when it is let go, by whatever comes then', () => {
    const begun: number[] = [];
    range(1, 1_000)
      .pipe(
        mergeMany((number) => {
          begun.push(number);
          return of(number);
        }),
        take(2),
      )
      .subscribe();
    expect(begun).toEqual([1, 2]);

    const source = new Subject<number>();
    const result = source
      .pipe(
        mergeMany((number) => {
          begun.push(number);
          return NEVER.pipe(finalize(() => source.next(number + 10)));
        }),
      )
      .subscribe();
    source.next(3);
    result.unsubscribe();
    expect(begun).toEqual([1, 2, 3]);
  });

  it('lets all lives go where the end of one throws', () => {
    const { living, live } = countedLives();
    const result = of('one', 'bad', 'two')
      .pipe(
        mergeMany((name) =>
          live(
            name,
            NEVER.pipe(
              finalize(() => {
                if (name === 'bad') throw new Error('bad end');
              }),
            ),
          ),
        ),
      )
      .subscribe();
    expect(() => result.unsubscribe()).toThrow();
    expect([...living].filter((name) => name !== 'bad')).toEqual([]);
  });

  it('gives on what is thrown where a life should begin', () => {
    const errors: unknown[] = [];
    const source = new Subject<string>();
    source
      .pipe(
        mergeMany((): Observable<string> => {
          throw new Error('no life');
        }),
      )
      .subscribe({ error: (error: unknown) => errors.push(error) });
    source.next('one');
    expect([String(errors[0]), errors.length, source.observed]).toEqual(['Error: no life', 1, false]);
  });

  it('completes where the last of the source has no life', () => {
    let isComplete = false;
    of('one', 'two')
      .pipe(mergeMany(() => EMPTY))
      .subscribe({ complete: () => (isComplete = true) });
    expect(isComplete).toBe(true);
  });

  it('searches no list of all lives when one ends', () => {
    const lives = Array.from({ length: 2_000 }, () => new Subject<string>());
    const source = new Subject<Subject<string>>();
    let ended = 0;
    source.pipe(mergeMany((life) => life.pipe(finalize(() => (ended += 1))))).subscribe();
    for (const life of lives) source.next(life);
    const { indexOf } = Array.prototype;
    let searched = 0;
    Array.prototype.indexOf = function (this: unknown[], ...sought: [unknown]) {
      searched += this.length;
      return indexOf.apply(this, sought);
    };
    try {
      for (const life of lives) life.complete();
    } finally {
      Array.prototype.indexOf = indexOf;
    }
    expect(ended).toBe(2_000);
    expect(searched).toBeLessThan(20 * 2_000);
  });
});
