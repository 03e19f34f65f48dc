/**
 * Cells as a transport of Nest microservices: controllers answer cells of TypeScript and of NVFlare, and a `ClientProxy`
 * asks them. For Node; needs `@nestjs/microservices`.
 *
 * @module rxflare/nest/microservices
 */

export { CellClient, type CellClientOptions } from './cell-client.js';
export { CellContext } from './cell-context.js';
export type { CellEvents, CellStatus } from './cell-link.js';
export type { CellAddress, CellPattern } from './cell-pattern.js';
export { CELL_TRANSPORT, CellServer, type CellServerOptions } from './cell-server.js';
