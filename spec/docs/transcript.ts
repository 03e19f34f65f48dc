import { BehaviorSubject, filter, firstValueFrom, timeout } from 'rxjs';

const PATIENCE_MS = 120_000;

/** What a program or a page prints. */
export class Transcript {
  readonly #place: string;
  readonly #shown = new BehaviorSubject('');
  #errors = '';

  /** @param place - of the block, for errors */
  constructor(place: string) {
    this.#place = place;
  }

  add(text: string): void {
    this.#shown.next(this.#shown.value + text);
  }

  /** Instead of all before: a page can change what it shows. */
  show(text: string): void {
    this.#shown.next(text);
  }

  addError(text: string): void {
    this.#errors += text;
  }

  /** Nothing more will come. */
  end(): void {
    this.#shown.complete();
  }

  /** Waits until it begins with this. */
  async begins(output: string): Promise<void> {
    const enough$ = this.#shown.pipe(
      filter((shown) => comparable(shown).startsWith(comparable(output))),
      timeout({ first: PATIENCE_MS }),
    );
    await firstValueFrom(enough$).catch(() => this.fail(`did not print\n${output}`));
  }

  /** It must be just this. */
  is(output: string): void {
    if (comparable(this.#shown.value) !== comparable(output)) this.fail(`did not print\n${output}`);
  }

  /** @throws Error with all that was printed */
  fail(problem: string): never {
    throw new Error(`${this.#place} ${problem}\n--- it printed ---\n${this.#shown.value}\n${this.#errors}`);
  }
}

/** What differs from run to run: one-time links, ports, dates, times of day, durations, and names that are made. */
const VARIABLE =
  /(?<=\/#)[\w-]{32}|(?<=page-)\w{6,}|(?<=:)\d{4,5}\b|[\d-]+T[\d:.]+Z|\d\d:\d\d:\d\d|[\d.]+(?= ms\b)/g;

/** Listeners are bound at the same time: which is first is chance. */
const LISTENERS = /^.* listening on .*(?:\n.* listening on .*)+/gm;

function comparable(text: string): string {
  return text
    .trim()
    .replaceAll(VARIABLE, '#')
    .replaceAll(LISTENERS, (lines) => lines.split('\n').sort().join('\n'));
}
