import { describe, expect, it } from 'vitest';

import type { IdentityMap } from '../../lib/options.js';
import { resolveIdentity } from '../../lib/sfm/identity.js';

describe('an endpoint name without a map resolves to', () => {
  it.each([
    ['site-1', 'hub', 'site-1', 'itself'],
    ['site-1.job-7', 'hub', 'site-1', 'its first part'],
    ['site-1.job-7.rank-0', 'hub', 'site-1', 'its first part, at any depth'],
    ['relay.site-1.job-7', 'relay', 'site-1', 'the part below the local endpoint'],
    ['relay.site-1', 'relay', 'site-1', 'the part right below the local endpoint'],
    ['relay.a.site-1.job-7', 'relay.a', 'site-1', 'the part below a local endpoint of two parts'],
    ['relay.site-1', 'relay.a', 'relay', 'its first part, beside the local endpoint'],
    ['relay-2.site-1', 'relay', 'relay-2', 'its first part, where only the letters begin alike'],
    ['relay', 'relay.site-1', 'relay', 'itself, above the local endpoint'],
  ])('%s seen by %s is %s: %s', (name, local, expected) => {
    expect(resolveIdentity(name, local, {})).toBe(expected);
  });
});

describe('a trainer attached to a site, -client_api_..., resolves to', () => {
  it.each<[string, string, IdentityMap, string, string]>([
    ['site-1.-client_api_7', 'hub', {}, 'site-1', "its site's name"],
    ['site-1.job-7.-client_api_7', 'hub', {}, 'site-1', "its site's first part"],
    ['relay.site-1.-client_api_7', 'relay', {}, 'site-1', 'the part below the local endpoint'],
    ['site-1.-client_api_7', 'site-1', {}, 'site-1', 'the site that it is attached to'],
    ['site-1.-client_api_7', 'hub', { exact: { 'site-1': 'x' } }, 'x', "its site's exact entry"],
    ['site-1.-client_api_7', 'hub', { prefix: { 'site-1': 'x' } }, 'x', "its site's prefix"],
    ['site-1.-client_api_7', 'hub', { exact: { 'site-1.-client_api_7': 'x' } }, 'x', 'its own entry'],
    ['site-1.-client_api_7.a', 'site-1', {}, '-client_api_7', 'its own part, from below'],
    ['-client_api_7', 'hub', {}, '-client_api_7', 'itself, where it has no site'],
    ['site-1.client_api_7', 'site-1', {}, 'client_api_7', 'itself, where only the letters are alike'],
  ])('%s seen by %s with %o is %s: %s', (name, local, map, expected) => {
    expect(resolveIdentity(name, local, map)).toBe(expected);
  });
});

describe('an identity map', () => {
  const map = {
    exact: { 'site-1.job-7': 'exact-cn' },
    prefix: { 'site-1': 'site-cn', 'site-1.job-7': 'job-cn', 'site-1.job-7.rank-0.a': 'rank-cn' },
  };

  it.each([
    ['site-1.job-7', 'exact-cn', 'an exact entry wins over a prefix of the same length'],
    ['site-1', 'site-cn', 'a prefix fits its own name'],
    ['site-1.job-8', 'site-cn', 'a prefix fits the names below'],
    ['site-1.job-7.rank-0', 'job-cn', 'the longest prefix counts, and an exact entry fits nothing below it'],
    ['site-1.job-7.rank-0.a.b', 'rank-cn', 'a prefix may have many parts'],
    ['site-10.job-7', 'site-10', 'a prefix is made of whole parts'],
    ['site-2', 'site-2', 'what is not mapped follows the rule of names'],
  ])('resolves %s to %s: %s', (name, expected) => {
    expect(resolveIdentity(name, 'hub', map)).toBe(expected);
  });

  it('wins over the part below the local endpoint', () => {
    const { prefix } = map;
    expect(resolveIdentity('relay.site-1', 'relay', { exact: { 'relay.site-1': 'x' } })).toBe('x');
    expect(resolveIdentity('relay.site-1.job', 'relay', { prefix: { 'relay.site-1': 'x' } })).toBe('x');
    expect(resolveIdentity('relay.site-1', 'relay', { prefix })).toBe('site-1');
  });

  it('for a name above the local endpoint says nothing of those below it, as in NVFlare', () => {
    const prefix = { relay: 'relay-cn' };
    expect(resolveIdentity('relay.a.site-1', 'relay.a', { prefix })).toBe('site-1');
    expect(resolveIdentity('relay.b', 'relay.a', { prefix })).toBe('relay-cn');
  });

  it('has no entry where it is empty, as in NVFlare', () => {
    expect(resolveIdentity('site-1', 'hub', { exact: { 'site-1': '' } })).toBe('site-1');
    expect(resolveIdentity('site-1', 'hub', { exact: { 'site-1': '' }, prefix: { 'site-1': 'x' } })).toBe(
      'x',
    );
    const prefix = { 'site-1': 'site-cn', 'site-1.job-7': '' };
    expect(resolveIdentity('site-1.job-7', 'hub', { prefix })).toBe('site-cn');
  });

  it('means only what it says itself, not what every object has', () => {
    for (const name of ['constructor', 'toString', '__proto__']) {
      expect(resolveIdentity(name, 'hub', { exact: {}, prefix: {} })).toBe(name);
      expect(resolveIdentity(`${name}.job-7`, 'hub', { exact: {}, prefix: {} })).toBe(name);
    }
  });

  it('may have one half or none', () => {
    expect(resolveIdentity('site-1', 'hub', { exact: {} })).toBe('site-1');
    expect(resolveIdentity('site-1', 'hub', { prefix: {} })).toBe('site-1');
  });
});
