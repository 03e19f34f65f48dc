import { cellSuite } from './cell-suite.js';

cellSuite('grpc');
