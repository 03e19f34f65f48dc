import type { FuzzTarget } from '../target.js';
import { arrayFilesTarget } from './array-files.js';
import { flatMapTarget } from './flat-map.js';
import { fobsTarget } from './fobs.js';
import { frameTarget } from './frame.js';
import { grpcTarget } from './grpc.js';
import { handshakeTarget } from './handshake.js';
import { headersTarget } from './headers.js';
import { sessionTarget } from './session.js';
import { sharedFileTarget } from './shared-file.js';
import { splitterTarget } from './splitter.js';
import { tcpTarget } from './tcp.js';
import { webSocketTarget } from './websocket.js';

/** All targets, the pure ones first. */
export const TARGETS: readonly FuzzTarget[] = [
  splitterTarget,
  frameTarget,
  headersTarget,
  flatMapTarget,
  fobsTarget,
  arrayFilesTarget,
  handshakeTarget,
  sessionTarget,
  tcpTarget,
  webSocketTarget,
  grpcTarget,
  sharedFileTarget,
];
