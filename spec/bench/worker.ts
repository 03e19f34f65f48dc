import { answerRequests } from './child.js';
import type { Case, Client, Served } from './system.js';
import { SYSTEMS } from './systems/index.js';

/** What the main process asks of a worker. */
export type Request =
  | { readonly do: 'serve'; readonly system: number }
  | { readonly do: 'connect'; readonly system: number; readonly address: string }
  | { readonly do: 'measure'; readonly one: Case; readonly count: number }
  /** Collects garbage, and then tells as `heap` does. Needs `--expose-gc`. */
  | { readonly do: 'collect' }
  /** The bytes of the heap that are in use, or not collected. */
  | { readonly do: 'heap' }
  | { readonly do: 'close' };

let served: Served | undefined;
let client: Client | undefined;

answerRequests(async (request: Request): Promise<unknown> => {
  switch (request.do) {
    case 'serve':
      served = await SYSTEMS[request.system]?.serve();
      return served === undefined ? undefined : { address: served.address, beside: served.beside };
    case 'connect':
      client = await SYSTEMS[request.system]?.connect(request.address);
      return undefined;
    case 'measure':
      return client?.measure(request.one, request.count);
    case 'collect':
      globalThis.gc?.();
      return process.memoryUsage().heapUsed;
    case 'heap':
      return process.memoryUsage().heapUsed;
    case 'close':
      await client?.close();
      await served?.close();
      return undefined;
  }
});
