import { sessionSuite } from './flare-session-suite.js';

sessionSuite('2.9.0', 'http');
