import type { System } from '../system.js';
import { nodeNet } from './node-net.js';
import { nvflare, rxflareToNvflare } from './nvflare.js';
import { rawGrpc } from './raw-grpc.js';
import { rawWs } from './raw-ws.js';
import { inProcess, rxflare, tuned } from './rxflare.js';
import { zeromq } from './zeromq.js';

/** Everything that is compared, transport by transport. */
export const SYSTEMS: readonly System[] = [
  rxflare('tcp'),
  tuned,
  nodeNet,
  { ...rawWs, transport: 'tcp' },
  zeromq,
  nvflare('tcp'),
  rxflareToNvflare('tcp'),
  rxflare('http'),
  rawWs,
  nvflare('http'),
  rxflare('grpc'),
  rawGrpc,
  nvflare('grpc'),
  inProcess,
];
