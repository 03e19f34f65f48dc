import { BehaviorSubject, type Observable, type Observer, queueScheduler, scan, Subject } from 'rxjs';
import { match } from 'ts-pattern';

import { CommError, CommErrorCode } from '../comm-error.js';
import { type Endpoint, EndpointState } from '../endpoint.js';
import type { LifecycleEvent } from '../lifecycle.js';
import type { ResolvedOptions } from '../options.js';
import type { EndpointStats } from '../stats.js';
import { Peer } from './peer.js';
import type { Session, SessionEvent } from './session.js';
import { SnapshotMap } from './snapshot-map.js';

interface EndpointChange {
  readonly name: string;
  /** Absent when the endpoint is forgotten. */
  readonly endpoint?: Endpoint;
}

/** The remote endpoints: turns what sessions show into endpoint states, one connection per name. */
export class EndpointRegistry {
  readonly endpoints$: Observable<ReadonlyMap<string, Endpoint>>;

  readonly #options: ResolvedOptions;
  readonly #lifecycle: Observer<LifecycleEvent>;
  readonly #peers = new Map<string, Peer>();
  /** Disconnected endpoints, the longest gone first. */
  readonly #gone = new Set<string>();
  readonly #changes = new Subject<EndpointChange>();
  readonly #endpoints = new BehaviorSubject<ReadonlyMap<string, Endpoint>>(SnapshotMap.empty());

  constructor(options: ResolvedOptions, lifecycle: Observer<LifecycleEvent>) {
    this.#options = options;
    this.#lifecycle = lifecycle;
    this.endpoints$ = this.#endpoints.asObservable();
    this.#changes.pipe(scan(applyChange, SnapshotMap.empty<string, Endpoint>())).subscribe(this.#endpoints);
  }

  /** The endpoint under a name with what sends to it. */
  peer(name: string): Peer | undefined {
    return this.#peers.get(name);
  }

  /** What went to and from each endpoint. */
  get stats(): readonly EndpointStats[] {
    return [...this.#peers.values()].map(({ stats }) => stats);
  }

  /** The live connection that has a name now. */
  incumbent(name: string): Session | undefined {
    const session = this.#peers.get(name)?.session;
    return session?.isReady === true ? session : undefined;
  }

  /** The endpoint that this session is the live connection of. */
  peerOf(session: Session): Peer | undefined {
    const peer = session.endpoint && this.#peers.get(session.endpoint.name);
    return peer?.session === session ? peer : undefined;
  }

  /** Takes note of what a session shows. */
  apply(event: SessionEvent): void {
    match(event)
      .with({ type: 'opened' }, ({ session: { role, connection } }) =>
        this.#lifecycle.next({ type: 'connected', handle: role.handle, connection }),
      )
      .with({ type: 'greeted' }, () => undefined)
      .with({ type: 'refused' }, ({ session, endpoint, error }) =>
        this.#refuse(session, endpoint.name, error),
      )
      .with({ type: 'ready' }, ({ session, endpoint }) => this.#join(session, endpoint))
      .with({ type: 'settled' }, ({ session }) => this.peerOf(session)?.queue.open(session))
      .with({ type: 'overdue' }, ({ session }) => this.#refuseSilent(session))
      .with({ type: 'closed' }, ({ session, error }) => this.#leave(session, error))
      .exhaustive();
  }

  /** Takes an endpoint out of service, before its connection is closed in good order. */
  retire(session: Session): Peer | undefined {
    const peer = this.peerOf(session);
    if (peer?.endpoint.state === EndpointState.READY) {
      this.#change(peer, peer.endpoint.withState(EndpointState.CLOSING));
    }
    return peer;
  }

  /** Forgets an endpoint that has no connection. */
  forget(name: string): void {
    if (this.#peers.get(name)?.session !== undefined) return;
    this.#gone.delete(name);
    if (this.#peers.delete(name)) queueScheduler.schedule(() => this.#changes.next({ name }));
  }

  /** Ends the streams. */
  complete(): void {
    this.#changes.complete();
  }

  #join(session: Session, endpoint: Endpoint): void {
    const { name } = endpoint;
    const peer = this.#peers.get(name) ?? new Peer(endpoint, this.#options);
    const older = peer.session;
    this.#peers.set(name, peer);
    this.#gone.delete(name);
    const isNews = peer.session === undefined || peer.endpoint.state !== EndpointState.READY;
    peer.session = session;
    session.countStreamsWith(peer.nextStreamId);
    if (isNews) {
      this.#change(peer, endpoint);
    } else {
      peer.endpoint = endpoint;
      queueScheduler.schedule(() => this.#changes.next({ name, endpoint }));
    }
    if (older !== undefined) this.#evict(older, session, name);
  }

  /** NVFlare's rule (`sfm_endpoint.py`): one connection per name, and the newcomer stays. */
  #evict(older: Session, newer: Session, name: string): void {
    const [evicted, newcomer] = [older.connection, newer.connection];
    const peer = this.peerOf(newer);
    const count = peer?.flaps.note(this.#options.scheduler.now()) ?? 1;
    const message =
      `a second connection presents itself as ${name}: ${describe(newer)} stays, ${describe(older)} is closed. ` +
      (count === 1
        ? 'It may have come back'
        : `It is eviction ${count} in a row, each within a minute of the last: ping-pong`) +
      '. Two live endpoints under one name evict each other for ever; give each its own name';
    peer?.queue.suspend();
    this.#lifecycle.next({ type: 'evicted', endpointName: name, evicted, newcomer, count, message });
    void older.close(new CommError(CommErrorCode.CLOSED, message));
  }

  /** The peer hears nothing of the reason, beyond what a close of its transport says. */
  #refuse(session: Session, endpointName: string, { code, message: reason }: CommError): void {
    const { connection, role } = session;
    const { peer_addr: peerAddr } = connection.properties;
    this.#lifecycle.next({
      type: 'refused',
      handle: role.handle,
      connection,
      endpointName,
      peerAddr,
      reason,
    });
    void session.close(new CommError(code, `${describe(session)}: ${endpointName} is refused: ${reason}`));
  }

  #refuseSilent(session: Session): void {
    const { handshakeTimeoutMs } = this.#options;
    const what = session.isVerifying ? 'verifyEndpoint gave no answer' : 'no handshake';
    const detail = `${describe(session)}: ${what} within ${handshakeTimeoutMs} ms`;
    void session.close(new CommError(CommErrorCode.TIMEOUT, detail));
  }

  #leave(session: Session, error: CommError | undefined): void {
    const { connection, role, endpoint } = session;
    const peer = this.peerOf(session);
    if (endpoint !== undefined) this.#noteEnd(session, endpoint.name, peer?.queue.clear());
    if (peer !== undefined) {
      peer.session = undefined;
      this.#gone.add(peer.endpoint.name);
    }
    this.#lifecycle.next({
      type: 'disconnected',
      handle: role.handle,
      connection,
      ...(endpoint === undefined ? {} : { endpointName: endpoint.name }),
      ...(error === undefined ? {} : { error }),
    });
    if (peer !== undefined) this.#change(peer, peer.endpoint.withState(EndpointState.DISCONNECTED));
    this.#forgetLongestGone();
  }

  /** Changes the state of an endpoint and tells everyone. */
  #change(peer: Peer, endpoint: Endpoint): void {
    peer.endpoint = endpoint;
    // As one action: whoever reacts to the one by a change of its own is heard after the other was told.
    queueScheduler.schedule(() => {
      this.#changes.next({ name: endpoint.name, endpoint });
      this.#lifecycle.next({ type: 'endpoint', endpoint });
    });
  }

  /** Counts what a connection carried, and reports what is lost with it. */
  #noteEnd({ connection, traffic }: Session, endpointName: string, queued = { messages: 0, bytes: 0 }): void {
    const messages = queued.messages + connection.bufferedFrames;
    const bytes = queued.bytes + connection.bufferedBytes;
    this.#peers.get(endpointName)?.noteEnd(traffic, { messages, bytes });
    if (messages > 0) {
      this.#lifecycle.next({ type: 'dropped', reason: 'disconnected', endpointName, messages, bytes });
    }
  }

  #forgetLongestGone(): void {
    for (const name of this.#gone) {
      if (this.#gone.size <= this.#options.maxDisconnectedEndpoints) return;
      this.forget(name);
    }
  }
}

function applyChange(
  map: SnapshotMap<string, Endpoint>,
  { name, endpoint }: EndpointChange,
): SnapshotMap<string, Endpoint> {
  return endpoint === undefined ? map.without(name) : map.with(name, endpoint);
}

function describe({ connection: { name, properties } }: Session): string {
  return `${name} (${properties.peer_addr})`;
}
