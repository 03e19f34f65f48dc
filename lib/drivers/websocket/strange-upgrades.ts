import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Server as TlsServer } from 'node:tls';

import type { AttachableServer } from './attached-server.js';
import { type DeclineUpgrade, pathOf } from './upgrades.js';

/** Node 22.21, 24.9 and later ask the server whether a request with an `Upgrade` header is one. */
type AskedServer = AttachableServer & {
  shouldUpgradeCallback?: (this: unknown, request: IncomingMessage) => boolean;
};

/**
 * Has the server treat requests with an `Upgrade` header of other paths as if our `upgrade` listener were not there: where
 * there is no other one, they are ordinary requests. Does nothing where Node cannot be told so; see `leaveToOthers`.
 *
 * @returns what ends it
 */
export function upgradeOnly(server: AttachableServer, isOurs: (path: string) => boolean): () => void {
  const asked: AskedServer = server;
  const before = asked.shouldUpgradeCallback;
  if (before === undefined) return () => undefined;
  const ask = (request: IncomingMessage): boolean =>
    isOurs(pathOf(request)) || (server.listenerCount('upgrade') > 1 && before.call(server, request));
  asked.shouldUpgradeCallback = ask;
  return () => {
    if (asked.shouldUpgradeCallback === ask) asked.shouldUpgradeCallback = before;
  };
}

/**
 * Leaves an upgrade to the server's other `upgrade` listeners. If there are none, hands the connection to the server again,
 * which reads the request a second time, now as an ordinary one: with its body and its end.
 */
export function leaveToOthers(server: AttachableServer): DeclineUpgrade {
  const emitter: EventEmitter = server;
  return (request, socket, head) => {
    const listeners = emitter.rawListeners('upgrade') as (() => void)[];
    if (listeners.length > 1) return;
    emitter.removeAllListeners('upgrade');
    try {
      emitter.emit(server instanceof TlsServer ? 'secureConnection' : 'connection', socket);
      socket.emit('data', headersOf(request));
    } finally {
      for (const listener of listeners) emitter.on('upgrade', listener);
    }
    if (head.length > 0) socket.emit('data', head);
  };
}

/** The request line and the headers, as they came. */
function headersOf({ method = '', url = '', httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = rawHeaders.map((part, index) => part + (index % 2 === 0 ? ': ' : '\r\n'));
  return Buffer.from(`${method} ${url} HTTP/${httpVersion}\r\n${lines.join('')}\r\n`, 'latin1');
}
