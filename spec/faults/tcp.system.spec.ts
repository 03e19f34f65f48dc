import { faultSuite } from './fault-suite.js';

faultSuite('tcp', {
  cut: { hub: ['clean'], site: ['clean'] },
  // libuv tells a reset that comes behind bytes not yet read as the end of the stream: it sees both in one poll.
  reset: { hub: ['CLOSED', 'clean'], site: ['CLOSED', 'clean'] },
  'half-open': { hub: ['TIMEOUT', 'CLOSED'], site: ['TIMEOUT'] },
  corrupt: { hub: ['BAD_DATA'], site: ['clean'] },
});
