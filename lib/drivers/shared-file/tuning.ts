import { CommError, CommErrorCode } from '../../comm-error.js';
import { isTrue } from '../../transport/url.js';

/**
 * The tuning parameters of a shared directory, under NVFlare's names (`file_driver.py`, 2.9): in the resources of a
 * listener, in the query of a URL, or for all connections of a driver. Times are seconds, as text or number.
 */
export interface SharedFileSettings {
  /** The first wait between two looks at a log. Default: 0.01. */
  readonly poll_interval?: number | string;
  /** The longest wait: while nothing comes, each is 1.5 times the one before. Default: 2. */
  readonly max_poll_interval?: number | string;
  /** The bytes at which a log is sealed and the next one begins. Both sides must have the same. Default: 1 GiB. */
  readonly max_log_size?: number | string;
  /** The time between two touches of a lease, and between two looks at the other side's. Default: 15. */
  readonly lease_interval?: number | string;
  /** A side whose lease has not changed for this long is gone. Default: 60. */
  readonly lease_timeout?: number | string;
  /** Whether to sync each append to the disk. Default: false. */
  readonly fsync?: boolean | string;
  /** The mode of new directories: octal text, or a number. Default: 0770. */
  readonly dir_mode?: number | string;
  /** The mode of new files: octal text, or a number. Default: 0660. */
  readonly file_mode?: number | string;
}

/**
 * Settings for all connectors of a driver. They win over those of URLs and resources, as the `shared-file` section of
 * NVFlare's `comm_config.json` does. `max_log_size` is not among them, since both sides must have the same.
 */
export interface SharedFileOptions extends Omit<SharedFileSettings, 'max_log_size'> {
  /** Where `startListener` makes directories. Default: none; the resources of a listener may name one. */
  readonly root_dir?: string;
  /** Whether to watch directories, which shortens waits on a local disk. Default: true. */
  readonly watch?: boolean;
}

/** The same with units, nothing left out. */
export interface Tuning {
  readonly pollIntervalMs: number;
  readonly maxPollIntervalMs: number;
  readonly maxLogBytes: number;
  readonly leaseIntervalMs: number;
  readonly leaseTimeoutMs: number;
  readonly fsync: boolean;
  readonly directoryMode: number;
  readonly fileMode: number;
}

/** The default of every setting, those of NVFlare 2.9. */
export const DEFAULT_TUNING: Tuning = {
  pollIntervalMs: 10,
  maxPollIntervalMs: 2_000,
  maxLogBytes: 1024 ** 3,
  leaseIntervalMs: 15_000,
  leaseTimeoutMs: 60_000,
  fsync: false,
  directoryMode: 0o770,
  fileMode: 0o660,
};

/** The parameters of a connector may have settings among others. */
export type Settings = SharedFileSettings | Named;

type Named = Readonly<Record<string, unknown>>;

/** NVFlare's `MIN_POLL_INTERVAL`. */
const MIN_POLL_MS = 1;

/**
 * Fills in the defaults. The options of the driver (`local`) win over the parameters of the connector, except
 * for `max_log_size`: a reader looks for a seal only from that size on, so both sides must agree.
 *
 * @throws CommError `BAD_CONFIG` if a value is not of its kind
 */
export function resolveTuning(params: Settings, local: Settings = {}): Tuning {
  const merged: Named = { ...params, ...local };
  const pollIntervalMs = Math.max(
    seconds('poll_interval', merged) ?? DEFAULT_TUNING.pollIntervalMs,
    MIN_POLL_MS,
  );
  return {
    pollIntervalMs,
    maxPollIntervalMs: Math.max(
      seconds('max_poll_interval', merged) ?? DEFAULT_TUNING.maxPollIntervalMs,
      pollIntervalMs,
    ),
    maxLogBytes: positive('max_log_size', { ...params }) ?? DEFAULT_TUNING.maxLogBytes,
    leaseIntervalMs: seconds('lease_interval', merged) ?? DEFAULT_TUNING.leaseIntervalMs,
    leaseTimeoutMs: seconds('lease_timeout', merged) ?? DEFAULT_TUNING.leaseTimeoutMs,
    fsync: isTrue(merged.fsync),
    directoryMode: mode('dir_mode', merged) ?? DEFAULT_TUNING.directoryMode,
    fileMode: mode('file_mode', merged) ?? DEFAULT_TUNING.fileMode,
  };
}

/** The settings among the parameters as the query of a URL, `?` and all; empty where there are none. */
export function tuningQuery(params: Settings): string {
  const settings: Named = { ...params };
  const query = new URLSearchParams();
  for (const name of NAMES) {
    const value = settings[name];
    // NVFlare takes a mode in a URL for octal.
    const isMode = name === 'dir_mode' || name === 'file_mode';
    if (typeof value === 'number') query.set(name, value.toString(isMode ? 8 : 10));
    else if (typeof value === 'boolean' || (typeof value === 'string' && value !== ''))
      query.set(name, `${value}`);
  }
  return query.size === 0 ? '' : `?${query.toString()}`;
}

const NAMES = [
  'poll_interval',
  'max_poll_interval',
  'max_log_size',
  'lease_interval',
  'lease_timeout',
  'fsync',
  'file_mode',
  'dir_mode',
] as const satisfies readonly (keyof SharedFileSettings)[];

function seconds(name: keyof SharedFileSettings, settings: Named): number | undefined {
  const value = positive(name, settings);
  return value === undefined ? undefined : value * 1000;
}

function positive(name: keyof SharedFileSettings, settings: Named): number | undefined {
  const value = settings[name];
  if (value === undefined || value === '') return undefined;
  const number = Number(value);
  if (Number.isFinite(number) && number > 0) return number;
  throw badSetting(name, 'a number over 0', value);
}

function mode(name: keyof SharedFileSettings, settings: Named): number | undefined {
  const value = settings[name];
  if (value === undefined || value === '') return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0o7777) return value;
  if (typeof value === 'string' && /^(0o?)?[0-7]{1,4}$/.test(value)) {
    return parseInt(value.replace('o', ''), 8);
  }
  throw badSetting(name, 'an octal mode such as 0660', value);
}

function badSetting(name: string, expected: string, value: unknown): CommError {
  return new CommError(
    CommErrorCode.BAD_CONFIG,
    `${name}: expected ${expected}, got ${JSON.stringify(value)}`,
  );
}
