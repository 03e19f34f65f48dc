import { interopSuite } from './suite.js';

interopSuite(['http', 'https']);
