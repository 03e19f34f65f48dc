import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { CommErrorCode } from '../../lib/comm-error.js';
import { DriverRegistry } from '../../lib/transport/driver-registry.js';
import type { Driver } from '../../lib/transport/driver.js';

function driverOf(...schemes: string[]): Driver {
  return {
    schemes,
    capabilities: { tls: false, heartbeat: false, listen: false },
    connect: () => NEVER,
    listen: () => NEVER,
    resolveUrls: () => Promise.reject(new Error('not used')),
  };
}

describe('DriverRegistry', () => {
  it('finds a driver by each of its schemes, in any case', () => {
    const [tcp, other] = [driverOf('tcp', 'stcp'), driverOf('other')];
    const registry = new DriverRegistry([tcp, other]);
    expect(['tcp', 'stcp', 'STCP', 'other'].map((scheme) => registry.find(scheme))).toEqual([
      tcp,
      tcp,
      tcp,
      other,
    ]);
  });

  it('takes more drivers later', () => {
    const registry = new DriverRegistry();
    const late = driverOf('late');
    registry.register(late);
    expect(registry.find('late')).toBe(late);
  });

  it('refuses an unknown scheme as NOT_SUPPORTED, and names those it has', () => {
    const registry = new DriverRegistry([driverOf('tcp', 'stcp')]);
    const notSupported = expect.objectContaining({ code: CommErrorCode.NOT_SUPPORTED }) as Error;
    expect(() => registry.find('smtp')).toThrow(notSupported);
    expect(() => registry.find('smtp')).toThrow(/"smtp".*tcp, stcp/);
    expect(() => registry.find('toString')).toThrow(notSupported);
  });

  it('refuses a second driver for a scheme as BAD_CONFIG, for all its schemes', () => {
    const first = driverOf('tcp');
    const registry = new DriverRegistry([first]);
    const badConfig = expect.objectContaining({ code: CommErrorCode.BAD_CONFIG }) as Error;
    expect(() => registry.register(driverOf('new', 'tcp'))).toThrow(badConfig);
    expect(registry.find('tcp')).toBe(first);
    expect(() => registry.find('new')).toThrow();
  });
});
