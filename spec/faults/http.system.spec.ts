import { faultSuite } from './fault-suite.js';

faultSuite('http', {
  cut: { hub: ['CLOSED'], site: ['CLOSED'] },
  reset: { hub: ['CLOSED'], site: ['CLOSED'] },
  'half-open': { hub: ['TIMEOUT', 'CLOSED'], site: ['TIMEOUT'] },
  corrupt: { hub: ['BAD_DATA'], site: ['BAD_DATA'] },
});
