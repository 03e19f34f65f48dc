const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];
const CLOCK = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

/** A size: `1.4 MB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${short(bytes / 1_000 ** power)} ${UNITS[power] ?? ''}`;
}

/** A count or a rate of messages: `12`, `3.4`, `12.5k`. */
export function formatCount(count: number): string {
  if (count >= 1_000_000) return `${short(count / 1_000_000)}M`;
  return count >= 10_000 ? `${short(count / 1_000)}k` : short(count);
}

/** A duration: `0.84 ms`. */
export function formatMs(ms: number): string {
  return ms < 1 ? `${ms.toFixed(2)} ms` : `${short(ms)} ms`;
}

/** The time of day of a moment in milliseconds since 1970: `14:03:59`. */
export function formatClock(at: number): string {
  return CLOCK.format(at);
}

function short(value: number): string {
  return value >= 99.95 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, '');
}
