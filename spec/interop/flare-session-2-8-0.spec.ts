import { sessionSuite } from './flare-session-suite.js';

sessionSuite('2.8.0', 'grpc');
