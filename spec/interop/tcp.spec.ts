import { interopSuite } from './suite.js';

interopSuite(['tcp', 'stcp']);
