import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Above the ports that specs name, and below those that Linux gives to sockets that ask for any. */
const [LOW, HIGH] = [24_000, 32_000];

/**
 * A TCP port of 127.0.0.1 that was free a moment ago. No socket that asks for any port gets it before whoever wants
 * it now, not even one that connects to it.
 */
export async function freePort(): Promise<number> {
  const port = randomInt(LOW, HIGH);
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return freePort();
    throw error;
  }
  server.close();
  await once(server, 'close');
  return port;
}
