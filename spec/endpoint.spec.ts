import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../lib/comm-error.js';
import { Endpoint, endpointNameFault, EndpointState } from '../lib/endpoint.js';

const badConfig = expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error;

describe('an endpoint name', () => {
  it.each(['a', 'site-1', 'hub', 'A_b~c-9', 'server.job-1', 'a.b.c.d', '0', 'constructor', '__proto__'])(
    'may be %s',
    (name) => {
      expect(endpointNameFault(name)).toBeUndefined();
      expect(new Endpoint(name).name).toBe(name);
    },
  );

  it('loses the blanks around it', () => {
    expect(new Endpoint('\t site-1 \n').name).toBe('site-1');
  });

  it.each([
    ['', 'empty'],
    ['   ', 'empty'],
    ['.', 'empty part'],
    ['a.', 'empty part'],
    ['.a', 'empty part'],
    ['a..b', 'empty part'],
    ['a b', 'character outside'],
    ['a. b', 'character outside'],
    ['a\n.b', 'character outside'],
    ['a/b', 'character outside'],
    ['a:1', 'character outside'],
    ['größe', 'character outside'],
    ['a.a', 'part twice'],
    ['a.b.a', 'part twice'],
  ])('must not be %j: %s', (name, reason) => {
    expect(() => new Endpoint(name)).toThrow(badConfig);
    expect(() => new Endpoint(name)).toThrow(reason);
  });
});

describe('Endpoint', () => {
  it('is IDLE with no properties unless told', () => {
    expect(new Endpoint('a')).toEqual({
      name: 'a',
      properties: {},
      connProps: {},
      state: EndpointState.IDLE,
    });
  });

  it.each(['endpoint_name', 'timestamp'])('refuses the property %s, which belongs to the protocol', (key) => {
    expect(() => new Endpoint('a', { [key]: 1 })).toThrow(badConfig);
    expect(new Endpoint('a', {}, { [key]: 1 }).connProps).toEqual({ [key]: 1 });
  });

  it('in another state is another object with all the rest', () => {
    const idle = new Endpoint('a', { x: 1 }, { ca_cert: 'ca.pem' });
    const ready = idle.withState(EndpointState.READY);
    expect([idle.state, ready.state]).toEqual(['IDLE', 'READY']);
    expect(ready).toMatchObject({ name: 'a', properties: { x: 1 }, connProps: { ca_cert: 'ca.pem' } });
  });
});
