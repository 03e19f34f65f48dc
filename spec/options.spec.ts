import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../lib/comm-error.js';
import { type CommunicatorOptions, DEFAULTS, type ResolvedOptions, resolveOptions } from '../lib/options.js';
import { documentedOptions } from './support/documented-options.js';

/** The longest time that timers take. */
const MAX_MS = 2 ** 31 - 1;
const badConfig = expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error;

/** An option with those that must fit it. */
function withOthers(name: keyof CommunicatorOptions, value: number): CommunicatorOptions {
  const fit = name === 'highWaterMarkBytes' ? { maxQueuedBytes: Number.MAX_SAFE_INTEGER } : {};
  return { ...fit, ...(name === 'maxQueuedBytes' ? { highWaterMarkBytes: 0 } : {}), [name]: value };
}

describe('resolveOptions', () => {
  it('gives the defaults for nothing', () => {
    expect(resolveOptions()).toEqual(DEFAULTS);
    expect(resolveOptions({})).toEqual(DEFAULTS);
  });

  it('takes what is given and leaves the defaults alone', () => {
    const scheduler = new TestScheduler(() => undefined);
    const identityMap = { exact: { a: 'b' } };
    const options = { settleTimeoutMs: 0, highWaterMarkBytes: 5, scheduler, identityMap };
    const before = { ...DEFAULTS };
    expect(resolveOptions(options)).toEqual({ ...DEFAULTS, ...options });
    expect(DEFAULTS).toEqual(before);
  });

  it('takes undefined for not given', () => {
    expect(resolveOptions({ drainTimeoutMs: undefined } as unknown as CommunicatorOptions)).toEqual(DEFAULTS);
  });

  it.each([-1, NaN, -Infinity])('refuses %s as BAD_CONFIG and names the option', (value) => {
    expect(() => resolveOptions({ heartbeatIntervalMs: value })).toThrow(badConfig);
    expect(() => resolveOptions({ heartbeatIntervalMs: value })).toThrow('heartbeatIntervalMs');
  });

  it.each<[keyof CommunicatorOptions, number, number]>([
    ['heartbeatIntervalMs', 0, MAX_MS],
    ['heartbeatTimeoutMs', 0, MAX_MS],
    ['handshakeTimeoutMs', 0, MAX_MS],
    ['settleTimeoutMs', 0, MAX_MS],
    ['connectTimeoutMs', 0, MAX_MS],
    ['reconnectDelayMs', 1, MAX_MS],
    ['maxReconnectDelayMs', 1, MAX_MS],
    ['reconnectResetMs', 0, MAX_MS],
    ['reconnectJitter', 0, 1],
    ['drainTimeoutMs', 0, MAX_MS],
    ['maxFrameBytes', 0, 2 ** 31 - 2 ** 21],
    ['highWaterMarkBytes', 0, Number.MAX_SAFE_INTEGER],
    ['maxQueuedBytes', 0, Number.MAX_SAFE_INTEGER],
    ['maxPendingBytes', 0, Number.MAX_SAFE_INTEGER],
    ['maxDisconnectedEndpoints', 0, Number.MAX_SAFE_INTEGER],
    ['maxEndpointProperties', 0, Number.MAX_SAFE_INTEGER],
    ['maxConnections', 1, Number.MAX_SAFE_INTEGER],
    ['maxConnectionsPerAddress', 1, Number.MAX_SAFE_INTEGER],
    ['maxUnauthenticatedConnections', 1, Number.MAX_SAFE_INTEGER],
  ])('takes %s from %d to %d, and refuses what is beyond', (name, least, most) => {
    for (const value of [least, most]) expect(resolveOptions(withOthers(name, value))[name]).toBe(value);
    for (const value of [least - 0.5, most + 1, Infinity]) {
      expect(() => resolveOptions({ [name]: value })).toThrow(badConfig);
    }
  });

  it.each([
    ['drainTimeoutMs', '5'],
    ['drainTimeoutMs', null],
    ['drainTimeoutMs', 5n],
    ['maxQueuedBytes', true],
    ['identityMap', 'site-1'],
    ['scheduler', 5],
    ['verifyEndpoint', true],
    ['duplicateName', 'oldest'],
    ['duplicateName', 1],
  ])('refuses %s of another type: %s', (name, value) => {
    expect(() => resolveOptions({ [name]: value })).toThrow(badConfig);
    expect(() => resolveOptions({ [name]: value })).toThrow(name);
  });

  it.each(['heartbeatInterval', 'toString', 'constructor'])('refuses %s, which is no option', (name) => {
    expect(() => resolveOptions({ [name]: 1 })).toThrow(badConfig);
  });

  it.each<[CommunicatorOptions]>([
    [{ maxQueuedBytes: 1_000 }],
    [{ highWaterMarkBytes: 2 ** 30 }],
    [{ highWaterMarkBytes: 1_001, maxQueuedBytes: 1_000 }],
  ])('refuses a queue that is at its limit before send answers false: %j', (options) => {
    expect(() => resolveOptions(options)).toThrow(/maxQueuedBytes: expected at least highWaterMarkBytes/);
  });

  it('is what NVFlare does where NVFlare has an opinion', () => {
    expect(DEFAULTS).toMatchObject({
      reconnectDelayMs: 1_000,
      maxReconnectDelayMs: 10_000,
      reconnectResetMs: 10_000,
      maxFrameBytes: 2 ** 31 - 2 ** 21,
    });
  });
});

describe('the comments of CommunicatorOptions', () => {
  const documented = documentedOptions<keyof ResolvedOptions>('options.ts', 'CommunicatorOptions');

  it('describe every option, and no other', () => {
    expect(documented.map(({ name }) => name)).toEqual(Object.keys(DEFAULTS));
  });

  const numbers = documented.filter(({ name }) => typeof DEFAULTS[name] === 'number');
  it.each(numbers)('give the default and range of $name', ({ name, fallback, least, most }) => {
    expect(fallback).toBe(DEFAULTS[name]);
    for (const value of [least, most]) expect(resolveOptions(withOthers(name, value))[name]).toBe(value);
    for (const value of [least - 0.5, most + 1])
      expect(() => resolveOptions({ [name]: value })).toThrow(badConfig);
  });

  it.each(documented.filter(({ name }) => typeof DEFAULTS[name] !== 'number'))(
    'give the default of $name',
    ({ text }) => expect(text).toMatch(/Default: \S/),
  );

  it('give the default of duplicateName', () => {
    const text = documented.find(({ name }) => name === 'duplicateName')?.text;
    expect(text).toContain(`Default: \`${DEFAULTS.duplicateName}\`.`);
  });
});
