import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { openSession } from '../../../lib/drivers/grpc/open-session.js';
import { parseUrl } from '../../../lib/transport/url.js';

afterEach(() => {
  vi.useRealTimers();
});

describe('opening an HTTP/2 session', () => {
  it('waits as long as the connector does for a server that says nothing, and then lets go of it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'Date'] });
    const server = createServer((socket) => socket.resume().on('end', () => socket.end()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const errors: unknown[] = [];
    const opening = openSession(parseUrl(`grpc://127.0.0.1:${port}`)).subscribe({
      error: (error: unknown) => errors.push(error),
    });
    await once(server, 'connection');
    vi.advanceTimersByTime(60_000);
    expect(errors).toEqual([]);
    opening.unsubscribe();
    server.close();
    await once(server, 'close');
  });
});
