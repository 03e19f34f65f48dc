import { describe, expect, it } from 'vitest';

import { KeyedSource } from '../../lib/transport/keyed-source.js';

/** A source, and what is heard under each key. */
function setUp() {
  const source = new KeyedSource<string, number>();
  const heard: string[] = [];
  const listen = (key: string, label = '') =>
    source.values(key).subscribe({
      next: (value) => heard.push(`${label}${key}${value}`),
      complete: () => heard.push(`${label}${key}|`),
    });
  return { source, heard, listen };
}

describe('a KeyedSource', () => {
  it('gives a value to all who listen to its key, and to nobody else', () => {
    const { source, heard, listen } = setUp();
    listen('a', '1');
    listen('a', '2');
    listen('b');
    source.next('a', 7);
    source.next('b', 8);
    expect(heard).toEqual(['1a7', '2a7', 'b8']);
  });

  it('says whether anybody listens', () => {
    const { source, listen } = setUp();
    const [first, second] = [listen('a'), listen('a')];
    const answers = [source.next('a', 1), source.next('b', 1)];
    first.unsubscribe();
    answers.push(source.next('a', 2));
    second.unsubscribe();
    answers.push(source.next('a', 3));
    expect(answers).toEqual([true, false, true, false]);
  });

  it('is hot: who comes late has missed what was, and who left hears no more', () => {
    const { source, heard, listen } = setUp();
    source.next('a', 1);
    const subscription = listen('a');
    source.next('a', 2);
    subscription.unsubscribe();
    source.next('a', 3);
    listen('a');
    source.next('a', 4);
    expect(heard).toEqual(['a2', 'a4']);
  });

  it('lets who hears a value leave, and come again, without taking it from others', () => {
    const { source, heard, listen } = setUp();
    const first = source.values('a').subscribe(() => {
      first.unsubscribe();
      listen('a', 'again ');
    });
    listen('a');
    source.next('a', 1);
    source.next('a', 2);
    expect(heard).toEqual(['a1', 'a2', 'again a2']);
  });

  it('keeps who came when the last one had left apart from that one', () => {
    const { source, heard, listen } = setUp();
    const first = listen('a', '1');
    first.unsubscribe();
    listen('a', '2');
    first.unsubscribe();
    source.next('a', 1);
    expect(heard).toEqual(['2a1']);
  });

  it('completes all who listen, and whoever comes late at once', () => {
    const { source, heard, listen } = setUp();
    listen('a');
    listen('b');
    source.complete();
    listen('c');
    listen('a', 'late ');
    expect([source.next('a', 1), heard]).toEqual([false, ['a|', 'b|', 'c|', 'late a|']]);
  });

  it('takes a value from who hears one', () => {
    const { source, heard, listen } = setUp();
    source.values('a').subscribe((value) => {
      if (value < 3) source.next('a', value + 1);
    });
    listen('a');
    source.next('a', 1);
    expect(heard.sort()).toEqual(['a1', 'a2', 'a3']);
  });
});
