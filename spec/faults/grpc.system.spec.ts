import { faultSuite } from './fault-suite.js';

faultSuite('grpc', {
  cut: { hub: ['CLOSED'], site: ['CLOSED'] },
  reset: { hub: ['CLOSED'], site: ['CLOSED'] },
  'half-open': { hub: ['TIMEOUT', 'CLOSED'], site: ['TIMEOUT'] },
  corrupt: { hub: ['CLOSED', 'BAD_DATA'], site: ['CLOSED'] },
});
