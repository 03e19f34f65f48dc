import type { Endpoint } from '../endpoint.js';
import type { CommError } from '../comm-error.js';
import type { Session, SessionEvent } from './session.js';

/** The life of a session: what it shows, and what the operators on that add, to be decided or done. */
export type SessionLife =
  | SessionEvent
  /** The peer may come in. */
  | {
      readonly type: 'admitted';
      readonly session: Session;
      readonly endpoint: Endpoint;
      /** When that was decided, in milliseconds since 1970. */
      readonly at: number;
      /** The session of this name that the peer may take the place of. */
      readonly over: Session | undefined;
    }
  /** `verifyEndpoint` has not decided on the peer, but failed, for the `cause` of `error`. */
  | {
      readonly type: 'unverified';
      readonly session: Session;
      readonly endpoint: Endpoint;
      readonly error: CommError;
    }
  /** The handshake is not done in time. */
  | { readonly type: 'overdue'; readonly session: Session }
  /** The peer of this session is to be asked for a sign of life; the session may be another one, whose name is wanted. */
  | { readonly type: 'ask'; readonly session: Session }
  /** The peer has not shown in time that it knows us. */
  | { readonly type: 'unanswered'; readonly session: Session }
  /** The peer has given no sign of life in time after it was asked. */
  | { readonly type: 'silent'; readonly session: Session };
