import type { IncomingHttpHeaders } from 'node:http';

import { afterEach, describe, expect, it } from 'vitest';

import { Mode } from '../../lib/index.js';
import { framed, rawCall } from '../drivers/grpc/raw-call.js';
import { communicator, startListening, stopAll } from '../support/communicators.js';
import { grpcFrame } from '../support/grpc-frame.js';
import { hello } from '../support/raw-peer.js';

afterEach(stopAll);

describe('a refusal', () => {
  it('is status 7, PERMISSION_DENIED, with the reason over gRPC', async () => {
    const hub = communicator('hub', { verifyEndpoint: () => ({ tellPeer: 'please log in again' }) });
    hub.addConnector('grpc://127.0.0.1:0', Mode.PASSIVE);
    using call = rawCall(await startListening(hub));
    const trailers = new Promise<IncomingHttpHeaders>((resolve) => call.stream.once('trailers', resolve));
    call.stream.resume();
    call.stream.write(framed(grpcFrame(1, hello())));
    const { 'grpc-status': status, 'grpc-message': message } = await trailers;
    expect([status, decodeURIComponent(String(message))]).toEqual(['7', 'please log in again']);
  });
});
