/** A client of socket.io that answers, as a process of its own. */
import { io } from 'socket.io-client';

import { answerRequests } from './child.js';
import type { SiteRequest } from './hop-site.js';

answerRequests(async ({ connectTo }: SiteRequest) => {
  const socket = io(connectTo, { transports: ['websocket'] });
  let received = 0;
  socket.on('data', (_frame: Uint8Array, answer?: (received: number) => void) => {
    received += 1;
    answer?.(received);
  });
  socket.on('echo', (frame: Uint8Array, answer: (frame: Uint8Array) => void) => answer(frame));
  await new Promise<void>((resolve) => socket.once('connect', resolve));
});
