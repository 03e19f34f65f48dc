import type { Client, Served } from './system.js';
import { SYSTEMS } from './systems/index.js';

/** What the main process asks of a worker. */
export type Request =
  | { readonly do: 'serve'; readonly system: number }
  | { readonly do: 'connect'; readonly system: number; readonly address: string }
  | { readonly do: 'one-way' | 'echo'; readonly bytes: number; readonly count: number }
  | { readonly do: 'close' };

/** What it answers. */
export interface Answer {
  readonly address?: string;
  readonly seconds?: readonly number[];
  readonly error?: string;
}

let served: Served | undefined;
let client: Client | undefined;

process.on('message', (request: Request) => {
  void perform(request)
    .catch((error: unknown): Answer => ({ error: String(error) }))
    .then((answer) => process.connected && process.send?.(answer));
});

// A main process that failed leaves nobody behind.
process.once('disconnect', () => process.exit());

async function perform(request: Request): Promise<Answer> {
  switch (request.do) {
    case 'serve':
      served = await SYSTEMS[request.system]?.serve();
      return { address: served?.address ?? '' };
    case 'connect':
      client = await SYSTEMS[request.system]?.connect(request.address);
      return {};
    case 'one-way':
      return {
        seconds: [(await client?.oneWay(new Uint8Array(request.bytes), request.count)) ?? Number.NaN],
      };
    case 'echo':
      return { seconds: (await client?.echo(new Uint8Array(request.bytes), request.count)) ?? [] };
    case 'close':
      await client?.close();
      await served?.close();
      process.disconnect();
      return {};
  }
}
