import { cellSuite } from './cell-suite.js';

cellSuite('tcp', '2.7.2');
