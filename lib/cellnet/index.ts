/**
 * `rxflare/cellnet`: cells, the layer that NVFlare's processes speak: requests and replies by channel and topic, routed
 * by name.
 *
 * @module rxflare/cellnet
 */
export { Cell, type CellStats } from './cell.js';
export { CellDiagnostics, type CellRoute, type DiagnosticsOptions } from './cell-diagnostics.js';
export { CellError, type CellErrorOptions } from './cell-error.js';
export type { CellHandler, OpenRequest } from './cell-handler.js';
export type { CellMessage, CellReply, CellRequest } from './cell-message.js';
export type { CellOptions, FireOptions, RequestOptions } from './cell-options.js';
export type { FilePull } from './file-keeper.js';
export type { HandlerError } from './handler-errors.js';
export type { KnownCell } from './known-cells.js';
export type { IncomingStream } from './incoming-stream.js';
export type { StreamProgress } from './outbound-stream.js';
export type { SendStreamOptions } from './outbound-streams.js';
export type { PulledItem } from './reference-puller.js';
export type { ReferenceOptions } from './reference-options.js';
export type { PullSource } from './source-failures.js';
export type { StreamOptions } from './stream-options.js';
export type { StreamSource } from './stream-source.js';
export { ANY } from './handler-table.js';
export type { Outcome } from './pending-requests.js';
export { ReturnCode } from './return-code.js';
