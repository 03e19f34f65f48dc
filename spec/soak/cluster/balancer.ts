/** A plain balancer for TCP: each connection goes to the next target that takes it. A process, since it runs among the sites. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A target behind a broken network neither takes nor refuses. */
const CONNECT_MS = 1_000;

/** Where it sends connections to, as `host:port`. */
const targets = process.argv.slice(2);
let turn = 0;

const server = createServer({ allowHalfOpen: true }, (client) => void serve(client)).listen(0, '127.0.0.1');
await once(server, 'listening');
process.once('disconnect', () => process.exit(0));
process.send?.((server.address() as AddressInfo).port);

async function serve(client: Socket): Promise<void> {
  client.on('error', () => client.destroy());
  const first = (turn += 1);
  for (const tries of targets.keys()) {
    const upstream = await reach(targets[(first + tries) % targets.length] ?? '');
    if (upstream === undefined) continue;
    upstream.once('close', () => client.destroy());
    client.once('close', () => upstream.destroy());
    client.pipe(upstream).pipe(client);
    return;
  }
  client.destroy();
}

async function reach(target: string): Promise<Socket | undefined> {
  const [host = '', port] = target.split(':');
  const socket = connect({ host, port: Number(port), allowHalfOpen: true });
  socket.on('error', () => socket.destroy());
  const late = setTimeout(() => socket.destroy(), CONNECT_MS);
  const isReached = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('close', () => resolve(false));
  });
  clearTimeout(late);
  return isReached ? socket : undefined;
}
