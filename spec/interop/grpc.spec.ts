import { interopSuite } from './suite.js';

interopSuite(['grpc', 'grpcs']);
