import type * as Cells from '../../lib/cellnet/index.js';
import type * as Clusters from '../../lib/cluster/index.js';
import type * as Drivers from '../../lib/drivers/index.js';
import type * as Library from '../../lib/index.js';

/** The built package, which is what its users run. */
const built = (file: string): string => new URL(`../../dist/${file}`, import.meta.url).href;

export const { Communicator, Endpoint, EndpointState, Mode } = (await import(
  built('index.js')
)) as typeof Library;
export const { Cell } = (await import(built('cellnet/index.js'))) as typeof Cells;
export const { parseUrl, TcpDriver, WebSocketDriver } = (await import(
  built('drivers/index.js')
)) as typeof Drivers;
/** Not everybody has NATS to load. */
export const loadCluster = async () => (await import(built('cluster/index.js'))) as typeof Clusters;
export type {
  Communicator as CommunicatorOf,
  CommunicatorOptions,
  MessageReceiver,
} from '../../lib/index.js';
