import type { ChannelInterface, ChannelOptions, experimental } from '@grpc/grpc-js';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';

import type { TlsMaterial } from '../tls.js';
import { COMMON_OPTIONS, type GrpcJs, WINDOW_BYTES } from './grpc-js.js';
import { registerResolver, SIGNAL_OPTION, TARGET_SCHEME } from './resolver.js';

/** Where a channel leads, and who wants to know of its socket. */
export interface ChannelTarget {
  readonly host: string;
  readonly port: number;
  /** `undefined` in the clear. */
  readonly tls: TlsMaterial | undefined;
  /** Ends a TCP connection that is being made. */
  readonly signal: AbortSignal;
  /** A TCP connection was made; with TLS it is called again when that is on it. */
  readonly onSocket: (socket: Socket) => void;
  readonly onSocketError: (error: Error) => void;
}

/** A channel is for one call and connects once; who wants another connection makes another channel. */
const OPTIONS: ChannelOptions = {
  ...COMMON_OPTIONS,
  // A connection of its own, not that of another channel to the same address.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  // What may be retried counts as written as soon as it is kept for that; we want to know when it really is.
  'grpc.per_rpc_retry_buffer_size': 0,
  'grpc.retry_buffer_size': 0,
  'grpc-node.flow_control_window': WINDOW_BYTES,
};

/** Makes a channel that shows its socket. Nothing is connected yet. */
export function makeChannel(grpc: GrpcJs, target: ChannelTarget): ChannelInterface {
  registerResolver(grpc);
  const { host, port } = target;
  const address = `${TARGET_SCHEME}:${host.includes(':') ? `[${host}]` : host}:${port}`;
  const credentials = grpc.credentials.createInsecure();
  // TLS is put below gRPC and by our own hands, as for the other drivers: the same rules, and the same errors.
  credentials._createSecureConnector = (): experimental.SecureConnector => ({
    connect: (socket) => secure(socket, target),
    // A channel that failed tries once more after it was closed; not with us.
    waitForReady: () => (target.signal.aborted ? Promise.reject(new Error('closed')) : Promise.resolve()),
    getCallCredentials: () => grpc.CallCredentials.createEmpty(),
    destroy: () => undefined,
  });
  return new grpc.Channel(address, credentials, { ...OPTIONS, [SIGNAL_OPTION]: target.signal });
}

async function secure(
  socket: Socket,
  { host, tls, signal, onSocket, onSocketError }: ChannelTarget,
): Promise<experimental.SecureConnectResult> {
  socket.on('error', onSocketError);
  onSocket(socket);
  signal.throwIfAborted();
  if (tls === undefined) return { socket, secure: false };
  // As in NVFlare, identity is the certificate's common name and not the host name; see docs/security.md.
  const secured = connectTls({
    ...tls,
    socket,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
  });
  secured.on('error', onSocketError);
  await secureConnect(secured);
  onSocket(secured);
  return { socket: secured, secure: true };
}

function secureConnect(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the peer closed the connection in the TLS handshake')));
  });
}
