/** A cell between two others, as a process of its own. */
import { answerRequests } from './child.js';
import { Cell, Communicator, Endpoint } from './package.js';
import { listen } from './systems/rxflare.js';

answerRequests(async () => {
  const server = new Communicator(new Endpoint('server'));
  new Cell(server);
  return (await listen(server, 'tcp://127.0.0.1:0')).connectUrl;
});
