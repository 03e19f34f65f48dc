import { CommError, CommErrorCode } from '../comm-error.js';
import type { Driver } from './driver.js';

/** Which driver serves which URL scheme. */
export class DriverRegistry {
  readonly #drivers = new Map<string, Driver>();

  /** @throws CommError `BAD_CONFIG` where two drivers want one scheme */
  constructor(drivers: Iterable<Driver> = []) {
    for (const driver of drivers) this.register(driver);
  }

  /**
   * Adds a driver for all its schemes.
   *
   * @throws CommError `BAD_CONFIG` where a scheme has a driver already
   */
  register(driver: Driver): void {
    for (const scheme of driver.schemes) {
      if (this.#drivers.has(scheme)) {
        throw new CommError(CommErrorCode.BAD_CONFIG, `scheme ${scheme} has a driver already`);
      }
    }
    for (const scheme of driver.schemes) this.#drivers.set(scheme, driver);
  }

  /**
   * The driver of a scheme, in any case.
   *
   * @throws CommError `NOT_SUPPORTED` where there is none
   */
  find(scheme: string): Driver {
    const driver = this.#drivers.get(scheme.toLowerCase());
    if (driver !== undefined) return driver;
    const known = [...this.#drivers.keys()].join(', ');
    throw new CommError(CommErrorCode.NOT_SUPPORTED, `no driver for scheme "${scheme}", there are ${known}`);
  }
}
