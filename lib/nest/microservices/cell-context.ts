import { BaseRpcContext } from '@nestjs/microservices';

import type { CellRequest } from '../../cellnet/index.js';

/** What a handler gets by `@Ctx()`: the request that it answers. */
export class CellContext extends BaseRpcContext<[CellRequest]> {
  /** The request itself. */
  getRequest(): CellRequest {
    return this.args[0];
  }

  /** The cell that asks, as it says itself. */
  getOrigin(): string {
    return this.getRequest().origin;
  }

  /** The endpoint that handed the request over. Under mutual TLS its certificate binds this name. */
  getNeighbour(): string {
    return this.getRequest().neighbour;
  }

  /** The channel of the request. */
  getChannel(): string {
    return this.getRequest().channel;
  }

  /** The topic of the request. */
  getTopic(): string {
    return this.getRequest().topic;
  }

  /** All headers: those of cells begin with `cn__`, the others belong to the application. */
  getHeaders(): CellRequest['headers'] {
    return this.getRequest().headers;
  }
}
