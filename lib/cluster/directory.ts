import { StorageType } from '@nats-io/jetstream';
import type { KV, KvStatus, KvWatchEntry } from '@nats-io/kv';
import { Kvm } from '@nats-io/kv';

import { CommError, CommErrorCode, messageOf } from '../comm-error.js';
import { Endpoint, EndpointState } from '../endpoint.js';
import { logger } from '../log.js';
import { decodeMap, encodeMap } from '../wire/map-codec.js';
import { viewOf } from './batch.js';
import type { Bus } from './bus.js';
import type { ResolvedClusterOptions } from './options.js';
import { isReplicaId } from './replica-id.js';
import { Semaphore } from './semaphore.js';

const log = logger('cluster');

/** Who has a name. */
export interface Entry {
  /** The ID of the replica. */
  readonly replica: string;
  /** Counts the claims of that replica. A newcomer at the replica that has the name already does not change it. */
  readonly generation: number;
  /** READY, as the others see it. */
  readonly endpoint: Endpoint;
}

/** One change of the directory. */
export type DirectoryEvent =
  | {
      readonly type: 'entry';
      readonly name: string;
      readonly revision: number;
      readonly entry: Entry | undefined;
    }
  /** A replica has seen all changes before this. */
  | { readonly type: 'marker'; readonly replica: string; readonly revision: number; readonly isGone: boolean }
  /** What is there cannot be read: it is of another version, or forged. */
  | { readonly type: 'broken' };

/** How many writes may be on their way at a time. */
export const MAX_WRITES = 256;

/** How long NATS remembers that a name is free again: longer than anybody looks back. */
const REMEMBER_FREE = '120s';
const REMEMBER_FREE_MS = 120_000;

/** What `Nats-Expected-Last-Subject-Sequence` finds (JSStreamWrongLastSequenceErrF, and without the sequence). */
const CONFLICT_CODES: readonly unknown[] = [10_071, 10_164];

/**
 * The names of the endpoints of all replicas: a bucket of JetStream. Each change is compare-and-set by the revision of
 * the entry before, so of two that want a name one gets it.
 */
export class Directory {
  readonly #bus: Pick<Bus, 'nats'>;
  readonly #options: ResolvedClusterOptions;
  readonly #maxProperties: number;
  /** NATS answers writes in order, so more at a time only wait there, and time out. */
  readonly #writes = new Semaphore(MAX_WRITES);
  #bucket: KV | undefined;
  #watches = 0;
  #stopWatching: () => void = () => undefined;

  constructor(bus: Pick<Bus, 'nats'>, options: ResolvedClusterOptions, maxProperties: number) {
    this.#bus = bus;
    this.#options = options;
    this.#maxProperties = maxProperties;
  }

  /**
   * Opens the bucket, makes it where it is not there, and watches it in place of before: first what is there, then each
   * change.
   *
   * @param ended - hears that nothing more comes, though it is not closed
   */
  async watch(next: (event: DirectoryEvent) => void, ended: () => void): Promise<void> {
    this.close();
    const watch = this.#watches;
    const { name, storage, storageReplicas } = this.#options;
    const bucket = await new Kvm(this.#bus.nats).create(`rxflare_${name}`, {
      description: `The endpoints of the rxflare cluster ${name}`,
      history: 1,
      storage: storage === 'file' ? StorageType.File : StorageType.Memory,
      replicas: storageReplicas,
      markerTTL: REMEMBER_FREE_MS,
    });
    // Later somebody may have changed it while replicas run.
    if (this.#bucket === undefined) requireStatus(await bucket.status(), this.#options);
    this.#bucket = bucket;
    const entries = await bucket.watch();
    if (watch !== this.#watches) {
      entries.stop();
      return;
    }
    this.#stopWatching = () => entries.stop();
    void (async () => {
      for await (const entry of entries) if (watch === this.#watches) next(this.#read(entry));
    })()
      .catch((error: unknown) => log('the directory: %s', messageOf(error)))
      .finally(() => {
        if (watch === this.#watches) ended();
      });
  }

  /** Watches no more. */
  close(): void {
    this.#watches += 1;
    this.#stopWatching();
    this.#stopWatching = () => undefined;
  }

  /** Who has a name now. */
  async read(name: string): Promise<{ readonly revision: number; readonly entry: Entry | undefined }> {
    const entry = await this.#opened.get(keyOf(name));
    if (entry === null) return { revision: 0, entry: undefined };
    const event = this.#read(entry);
    return { revision: entry.revision, entry: event.type === 'entry' ? event.entry : undefined };
  }

  /**
   * Takes a name.
   *
   * @param revision - of the entry that is replaced; 0 where there must be none
   * @param isWanted - asked when its turn comes: of thousands that come at once some have gone by then
   * @returns the new revision; `undefined` where the entry has changed in between, or is not wanted
   */
  async write(entry: Entry, revision: number, isWanted: () => boolean): Promise<number | undefined> {
    const key = keyOf(entry.endpoint.name);
    const value = encodeEntry(entry);
    return this.#writes.run(() =>
      unlessConflict(async () => {
        if (!isWanted()) return undefined;
        return revision === 0 ? this.#opened.create(key, value) : this.#opened.update(key, value, revision);
      }),
    );
  }

  /** Frees a name, unless its entry has changed in between. */
  async remove(name: string, revision: number): Promise<void> {
    await this.#purge(keyOf(name), revision);
  }

  /** Writes the marker of a replica. It comes back by the watch, behind all that was there before. */
  async mark(replica: string): Promise<number> {
    return this.#writes.run(() => this.#opened.put(markerOf(replica), ''));
  }

  /** Whether the marker of a replica is there. It is not where somebody has deleted the bucket, or made it anew. */
  async hasMark(replica: string): Promise<boolean> {
    return (await this.#opened.get(markerOf(replica)))?.operation === 'PUT';
  }

  /** Removes the marker of a replica. */
  async unmark(replica: string): Promise<void> {
    await this.#purge(markerOf(replica));
  }

  get #opened(): KV {
    if (this.#bucket === undefined) throw new Error('the bucket is not open yet');
    return this.#bucket;
  }

  async #purge(key: string, previousSeq?: number): Promise<void> {
    await this.#writes.run(() =>
      unlessConflict(() =>
        this.#opened.purge(key, {
          ...(previousSeq === undefined ? {} : { previousSeq }),
          ttl: REMEMBER_FREE,
        }),
      ),
    );
  }

  #read({
    key,
    revision,
    operation,
    value,
  }: Pick<KvWatchEntry, 'key' | 'revision' | 'operation' | 'value'>): DirectoryEvent {
    const isGone = operation !== 'PUT';
    const replica = key.slice(2);
    if (key.startsWith('r.') && isReplicaId(replica)) return { type: 'marker', replica, revision, isGone };
    if (!key.startsWith('e.')) return { type: 'broken' };
    const name = key.slice(2).replaceAll('=', '~');
    if (isGone) return { type: 'entry', name, revision, entry: undefined };
    try {
      return { type: 'entry', name, revision, entry: decodeEntry(name, value, this.#maxProperties) };
    } catch {
      return { type: 'broken' };
    }
  }
}

/** `~` is no character of keys, and `=` none of names. */
function keyOf(name: string): string {
  return `e.${name.replaceAll('~', '=')}`;
}

function markerOf(replica: string): string {
  return `r.${replica}`;
}

/** The size of the first map, that map, and the properties, which may be as large as a map can. */
function encodeEntry({ replica, generation, endpoint }: Entry): Uint8Array {
  const { connProps, properties } = endpoint;
  const place = encodeMap({ replica, generation, connection: { ...connProps } as never }).slice();
  const known = encodeMap(properties);
  const value = new Uint8Array(4 + place.length + known.length);
  viewOf(value).setUint32(0, place.length);
  value.set(place, 4);
  value.set(known, 4 + place.length);
  return value;
}

/** @throws where it is no entry */
function decodeEntry(name: string, value: Uint8Array, maxProperties: number): Entry {
  const placeEnd = 4 + viewOf(value).getUint32(0);
  const { replica, generation, connection } = decodeMap(value, 4, placeEnd);
  const properties = decodeMap(value, placeEnd);
  if (!isReplicaId(replica) || !isCount(generation)) throw new Error('no entry');
  if (Object.keys(properties).length > maxProperties) throw new Error('too many properties');
  const connProps = { ...(connection as Record<string, unknown>), replica };
  return { replica, generation, endpoint: new Endpoint(name, properties, connProps, EndpointState.READY) };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

async function unlessConflict<T>(write: () => Promise<T>): Promise<T | undefined> {
  try {
    return await write();
  } catch (error) {
    if (!(error instanceof CommError) && CONFLICT_CODES.includes((error as { code?: unknown }).code))
      return undefined;
    throw error;
  }
}

/** An older bucket stays as it was made, whatever is asked for. @throws CommError `BAD_CONFIG` where it is another one */
function requireStatus(
  { bucket, markerTTL, storage, replicas }: KvStatus,
  wanted: Pick<ResolvedClusterOptions, 'storage' | 'storageReplicas'>,
): void {
  const remedy = 'stop all replicas, delete it with `nats kv del`, and start them again';
  if (!markerTTL)
    throw new CommError(
      CommErrorCode.BAD_CONFIG,
      `cluster: the bucket ${bucket} forgets nothing, as one of an older @nats-io/kv: ${remedy}`,
    );
  if (storage === wanted.storage && replicas === wanted.storageReplicas) return;
  throw new CommError(
    CommErrorCode.BAD_CONFIG,
    `cluster: the bucket ${bucket} has storage ${storage} and storageReplicas ${replicas}, ` +
      `not ${wanted.storage} and ${wanted.storageReplicas}: give these options, or ${remedy}`,
  );
}
