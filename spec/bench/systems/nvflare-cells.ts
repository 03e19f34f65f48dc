import { freePort } from '../../support/free-port.js';
import { PythonEnd, VERSION } from '../python-end.js';
import type { Served, System } from '../system.js';

const SCRIPT = new URL('../nvflare_cell_end.py', import.meta.url);

/** Cells of NVFlare on both sides: `site-1` asks `server`. */
export const nvflareCells: System = {
  ...asking('server'),
  name: `NVFlare ${VERSION}`,
  async serve() {
    const address = `tcp://127.0.0.1:${await freePort()}`;
    const server = await PythonEnd.start(SCRIPT, 'server', address);
    return { address, close: () => server.kill() };
  },
};

/** `site-1` asks `site-2` by way of `server`. */
export const nvflareRelayed: System = {
  ...asking('site-2'),
  name: `NVFlare ${VERSION}, relayed`,
  async serve(): Promise<Served> {
    const address = `tcp://127.0.0.1:${await freePort()}`;
    const server = await PythonEnd.start(SCRIPT, 'server', address);
    const site = await PythonEnd.start(SCRIPT, 'site-2', address);
    return {
      address,
      beside: [server.pid],
      async close() {
        await site.kill();
        await server.kill();
      },
    };
  },
};

function asking(target: string): Pick<System, 'transport' | 'connect'> {
  return {
    transport: 'cells',
    async connect(address) {
      const end = await PythonEnd.start(SCRIPT, 'site-1', address);
      return {
        measure: ({ kind, bytes }, count) => end.ask({ do: kind, target, bytes, count }),
        close: () => end.kill(),
      };
    },
  };
}
