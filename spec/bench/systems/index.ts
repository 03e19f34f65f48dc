import type { System } from '../system.js';
import { bulk } from './bulk.js';
import { nats, natsHop } from './nats.js';
import { nodeNet } from './node-net.js';
import { nvflare, rxflareToNvflare } from './nvflare.js';
import { nvflareCells, nvflareRelayed } from './nvflare-cells.js';
import { rawGrpc } from './raw-grpc.js';
import { rawWs } from './raw-ws.js';
import { communicator, inProcess, rxflare, tuned } from './rxflare.js';
import { rxflareBorrowingCells, rxflareCells, rxflareRelayed } from './rxflare-cells.js';
import { replicaAlone, replicaHop, replicaLocal } from './rxflare-replica.js';
import { socketIoHop } from './socket-io.js';
import { zeromq } from './zeromq.js';

/** Everything that is compared, transport by transport. */
export const SYSTEMS: readonly System[] = [
  rxflare('tcp'),
  rxflare('tcp', { borrow: true }),
  tuned,
  nodeNet,
  rawWs('tcp'),
  zeromq,
  nvflare('tcp'),
  rxflareToNvflare('tcp'),
  bulk('tcp'),
  rxflare('http'),
  rawWs('http'),
  nvflare('http'),
  bulk('http'),
  rxflare('grpc'),
  rawGrpc('grpc'),
  nvflare('grpc'),
  bulk('grpc'),
  rxflare('stcp'),
  rxflare('stcp', { borrow: true }),
  nvflare('stcp'),
  bulk('stcp'),
  rxflare('https'),
  rawWs('https'),
  nvflare('https'),
  bulk('https'),
  rxflare('grpcs'),
  rawGrpc('grpcs'),
  nvflare('grpcs'),
  bulk('grpcs'),
  inProcess,
  rxflareCells,
  rxflareBorrowingCells,
  rxflareRelayed,
  communicator,
  nvflareCells,
  nvflareRelayed,
  nats,
  replicaHop,
  natsHop,
  socketIoHop,
  replicaLocal,
  replicaAlone,
];
