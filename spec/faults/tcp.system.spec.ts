import { faultSuite } from './fault-suite.js';

faultSuite('tcp', {
  cut: { hub: ['clean'], site: ['clean'] },
  reset: { hub: ['CLOSED'], site: ['CLOSED'] },
  'half-open': { hub: ['TIMEOUT', 'CLOSED'], site: ['TIMEOUT'] },
  corrupt: { hub: ['BAD_DATA'], site: ['clean'] },
});
