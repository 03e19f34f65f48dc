import { CommError, CommErrorCode } from '../comm-error.js';
import { Communicator } from '../communicator.js';

/** A communicator of a virtual network. It fits wherever the `Communicator` of Node is asked for. */
export class VirtualCommunicator extends Communicator {
  /** @throws CommError `NOT_SUPPORTED`, always: servers have no virtual time */
  override attach(): never {
    const detail = 'a communicator in a virtual network has no server to attach to';
    throw new CommError(CommErrorCode.NOT_SUPPORTED, detail);
  }
}
