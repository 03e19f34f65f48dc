import { answerRequests } from './child.js';
import type { Client, Served } from './system.js';
import { SYSTEMS } from './systems/index.js';

/** What the main process asks of a worker. */
export type Request =
  | { readonly do: 'serve'; readonly system: number }
  | { readonly do: 'connect'; readonly system: number; readonly address: string }
  | { readonly do: 'one-way' | 'echo'; readonly bytes: number; readonly count: number }
  | { readonly do: 'close' };

let served: Served | undefined;
let client: Client | undefined;

answerRequests(async (request: Request): Promise<unknown> => {
  switch (request.do) {
    case 'serve':
      served = await SYSTEMS[request.system]?.serve();
      return served?.address;
    case 'connect':
      client = await SYSTEMS[request.system]?.connect(request.address);
      return undefined;
    case 'one-way':
      return [(await client?.oneWay(new Uint8Array(request.bytes), request.count)) ?? Number.NaN];
    case 'echo':
      return (await client?.echo(new Uint8Array(request.bytes), request.count)) ?? [];
    case 'close':
      await client?.close();
      await served?.close();
      return undefined;
  }
});
