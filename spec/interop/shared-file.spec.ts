import { interopSuite } from './suite.js';

interopSuite(['shared-file']);
