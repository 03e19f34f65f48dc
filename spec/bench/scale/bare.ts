/** A hub of bare sockets, or some of its sites, in a process of its own. */
import { encodeHead } from '../../../lib/wire/frame.js';
import { FrameType } from '../../../lib/wire/prefix.js';
import { answerRequests } from '../child.js';
import { connectBare, listenBare, type Write } from './bare-sockets.js';
import { Counter } from './counter.js';
import { APP, PAYLOAD } from './message.js';

/** What the main process asks of it. */
export type BareRequest =
  | { readonly do: 'listen'; readonly transport: string }
  | { readonly do: 'wait-for-all'; readonly endpoints: number }
  | { readonly do: 'broadcast' | 'cpu-ms' }
  | { readonly do: 'join'; readonly transport: string; readonly port: number; readonly count: number }
  | { readonly do: 'receive' };

/** As many as of the sites of rxflare. */
const AT_A_TIME = 25;
/** What a message of the hub is on the wire. */
const FRAME = Buffer.concat([
  encodeHead({ type: FrameType.DATA, appId: APP, streamId: 0 }, PAYLOAD.length),
  PAYLOAD,
]);

const writes: Write[] = [];
const accepted = new Counter();
const received = new Counter();
let count = 0;

answerRequests(async (request: BareRequest): Promise<unknown> => {
  switch (request.do) {
    case 'listen':
      return listenBare(request.transport, (write) => {
        writes.push(write);
        accepted.add();
      });
    case 'wait-for-all':
      return accepted.take(request.endpoints);
    case 'broadcast':
      for (const write of writes) write(FRAME);
      return undefined;
    case 'cpu-ms': {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1_000;
    }
    case 'join':
      ({ count } = request);
      return connectBare(request.transport, request.port, { count, atATime: AT_A_TIME }, (bytes) =>
        received.add(bytes),
      );
    case 'receive':
      return received.take(count * FRAME.length);
  }
});
