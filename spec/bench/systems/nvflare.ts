import { freePort } from '../../support/free-port.js';
import { connectionProperties } from '../certificates.js';
import { PythonEnd, VERSION } from '../python-end.js';
import type { System } from '../system.js';
import { rxflare } from './rxflare.js';

const SCRIPT = new URL('../nvflare_end.py', import.meta.url);

/** NVFlare on both sides, Python to Python. Its WebSocket client refuses frames of 4 MiB and more. */
export function nvflare(transport: string): System {
  return {
    name: `NVFlare ${VERSION}`,
    transport,
    can: ({ bytes }) => !(transport.startsWith('http') && bytes > 4_000_000),
    serve: () => serve(transport),
    async connect(address) {
      const end = await PythonEnd.start(SCRIPT, 'connect', address, properties(transport, 'site-1'));
      return {
        measure: ({ kind, bytes }, count) => end.ask({ do: kind, bytes, count }),
        close: () => end.kill(),
      };
    },
  };
}

/** rxflare sends, NVFlare receives. */
export function rxflareToNvflare(transport: string): System {
  return {
    ...rxflare(transport),
    name: `rxflare to NVFlare ${VERSION}`,
    can: ({ kind }) => kind === 'one-way',
    serve: () => serve(transport),
  };
}

async function serve(transport: string) {
  const address = `${transport}://127.0.0.1:${await freePort()}`;
  const end = await PythonEnd.start(SCRIPT, 'serve', address, properties(transport, 'hub'));
  return { address, close: () => end.kill() };
}

function properties(transport: string, name: 'hub' | 'site-1'): string {
  return JSON.stringify(connectionProperties(transport, name));
}
