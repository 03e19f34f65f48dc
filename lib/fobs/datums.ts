import { Datum, keyOfText } from './datum.js';
import type { Section } from './sections.js';

/** The datums of one value. */
export class Datums {
  readonly #all: readonly Datum[];
  readonly #keepers = new Map<number, Datum>();
  #byKey: ReadonlyMap<string, Datum> | undefined;

  /** @throws CommError `BAD_DATA` where a section has no ID */
  constructor(sections: readonly Section[]) {
    this.#all = sections.map((section) => new Datum(section));
    for (const datum of this.#all) if (datum.dot > 0) this.#keepers.set(datum.dot, datum);
  }

  /** The datum of this ID. All are looked at in the first call, since a value may have many datums and refer to none. */
  withId(id: string): Datum | undefined {
    const key = keyOfText(id);
    if (key === undefined) return undefined;
    this.#byKey ??= new Map(this.#all.map((datum) => [datum.key, datum]));
    return this.#byKey.get(key);
  }

  /** The datum that says where things of this kind are to be pulled from; a value has one of a kind. */
  keeperOf(dot: number): Datum | undefined {
    return this.#keepers.get(dot);
  }
}
