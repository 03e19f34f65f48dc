import type * as Library from '../../lib/index.js';

/** The built package, which is what its users run. */
const built = new URL('../../dist/index.js', import.meta.url).href;

export const { Communicator, Endpoint, EndpointState, Mode } = (await import(built)) as typeof Library;
export type { Communicator as CommunicatorOf, CommunicatorOptions } from '../../lib/index.js';
