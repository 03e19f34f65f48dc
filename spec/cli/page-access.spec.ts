import type { IncomingMessage, ServerResponse } from 'node:http';

import { describe, expect, it } from 'vitest';

import { PageAccess } from '../../lib/cli/page-access.js';

/** Whether a request gets past the names of the page. */
function isLetIn(hosts: readonly string[], localPort: number, headers: object): boolean {
  const request = { headers, socket: { localPort }, url: '/' } as unknown as IncomingMessage;
  const response = { writeHead: () => ({ end: () => undefined }) } as unknown as ServerResponse;
  return !new PageAccess(undefined, hosts).handle(request, response);
}

describe('the access to a page', () => {
  it.each([
    [['127.0.0.1'], 80, { host: '127.0.0.1' }],
    [['127.0.0.1'], 80, { host: '127.0.0.1', origin: 'http://127.0.0.1' }],
    [['127.0.0.1'], 80, { host: '127.0.0.1:80' }],
    [['127.0.0.1'], 8011, { host: '127.0.0.1:8011', origin: 'http://127.0.0.1:8011' }],
    [['Hub.Example.COM'], 8011, { host: 'hub.example.com:8011', origin: 'http://hub.example.com:8011' }],
    [['[0:0:0:0:0:0:0:1]'], 8011, { host: '[::1]:8011', origin: 'http://[::1]:8011' }],
  ])('is by the name %j and port %i, as a browser writes them: %j', (hosts, port, headers) => {
    expect(isLetIn(hosts, port, headers)).toBe(true);
  });

  it.each([
    {},
    { host: '' },
    { host: '127.0.0.1' },
    { host: '127.0.0.1:80' },
    { host: 'evil.example:8011' },
    { host: 'x@[' },
    { host: '127.0.0.1:8011', origin: 'http://127.0.0.1' },
    { host: '127.0.0.1:8011', origin: 'http://evil.example:8011' },
    { host: '127.0.0.1:8011', origin: 'null' },
  ])('is by no other: %j', (headers) => {
    expect(isLetIn(['127.0.0.1'], 8011, headers)).toBe(false);
  });

  it('is by nothing that is no host where every name is good', () => {
    const request = { headers: { host: 'x@[' }, socket: { localPort: 1 }, url: '/' };
    const response = { writeHead: () => ({ end: () => undefined }) };
    const access = new PageAccess(undefined, null);
    expect(access.handle(request as unknown as IncomingMessage, response as unknown as ServerResponse)).toBe(
      true,
    );
  });
});
