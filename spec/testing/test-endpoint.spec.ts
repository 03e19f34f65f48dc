import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import { Endpoint, EndpointState } from '../../lib/endpoint.js';
import { testEndpoint } from '../../lib/testing/index.js';

describe('testEndpoint', () => {
  it('is READY, with addresses that mean nothing', () => {
    const endpoint = testEndpoint();
    expect(endpoint).toBeInstanceOf(Endpoint);
    expect(endpoint).toMatchObject({ name: 'site-1', state: 'READY', properties: {} });
    expect(endpoint.connProps).toEqual({ local_addr: 'virtual', peer_addr: 'site-1' });
  });

  it('has the state and properties that it is given', () => {
    const state = EndpointState.DISCONNECTED;
    const connProps = { peer_cn: 'site-2' };
    const endpoint = testEndpoint('site-2', { state, properties: { gpus: 4 }, connProps });
    expect(endpoint).toEqual(new Endpoint('site-2', { gpus: 4 }, connProps, state));
  });

  it('keeps the rules of names', () => {
    const badConfig = expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error;
    expect(() => testEndpoint('a site')).toThrow(badConfig);
  });
});
