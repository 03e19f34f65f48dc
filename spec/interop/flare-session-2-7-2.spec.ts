import { sessionSuite } from './flare-session-suite.js';

sessionSuite('2.7.2', 'tcp');
