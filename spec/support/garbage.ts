import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

/** Frees all memory that nobody can reach. */
export const collectGarbage = runInNewContext('gc') as () => void;
