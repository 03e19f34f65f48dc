import type { RemoteChange } from '../cluster-contract.js';
import { EndpointState } from '../endpoint.js';
import type { Links } from './links.js';
import type { Membership } from './membership.js';
import type { Names } from './names.js';

/** What the changes are made of. */
export interface RemoteChangesContext {
  readonly self: string;
  readonly localName: string;
  readonly names: Pick<Names, 'get' | 'of' | 'others'>;
  readonly members: Pick<Membership, 'isAlive' | 'isClosing'>;
  readonly links: Pick<Links, 'find'>;
  /** Tells the loop. */
  readonly tell: (changes: readonly RemoteChange[]) => void;
}

/** What the loop hears of the endpoints of other replicas: the changes of one turn in one step. */
export class RemoteChanges {
  readonly #context: RemoteChangesContext;
  /** The names that have changed, with the replicas that had them before. */
  readonly #changed = new Map<string, string>();
  #isOver = false;

  constructor(context: RemoteChangesContext) {
    this.#context = context;
  }

  /** The entry of a name has changed. @param before - the replica that had it */
  note(name: string, before: string): void {
    if (this.#isOver) return;
    if (this.#changed.size === 0) setImmediate(() => this.show());
    const first = this.#changed.get(name);
    // When we let go of it, the loop heard who gets it: that one, and not us, is the one that it may have to lose.
    if (first === undefined || first === this.#context.self) this.#changed.set(name, before);
  }

  /** A replica has come, or gone. */
  noteReplica(replica: string): void {
    for (const [name] of this.#context.names.of(replica)) this.note(name, replica);
  }

  /** Tells what has changed since the last time. */
  show(): void {
    const changes = [...this.#changed].flatMap(([name, before]) => this.#changeOf(name, before) ?? []);
    this.#changed.clear();
    this.#tell(changes);
  }

  /** All endpoints of other replicas are gone for good, since we go. */
  hideAll(): void {
    this.#isOver = true;
    this.#changed.clear();
    this.#tell([...this.#context.names.others()].map(([name, { replica }]) => ({ name, replica })));
  }

  #changeOf(name: string, before: string): RemoteChange | undefined {
    const { self, localName, names, members, links } = this.#context;
    // It is forged, or a site had it that is gone: those that go to it stay here.
    if (name === localName) return undefined;
    const entry = names.get(name);
    if (before !== entry?.replica) links.find(before)?.closeSink(name);
    if (entry !== undefined && entry.replica !== self && members.isAlive(entry.replica)) {
      const { replica, endpoint, generation } = entry;
      links.find(replica)?.closeSink(name, generation);
      const isClosing = members.isClosing(replica);
      return { name, replica, endpoint: isClosing ? endpoint.withState(EndpointState.CLOSING) : endpoint };
    }
    return before === self ? undefined : { name, replica: before };
  }

  #tell(changes: readonly RemoteChange[]): void {
    if (changes.length > 0) this.#context.tell(changes);
  }
}
