const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];
const DATE = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});
const FULL = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
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

/** A moment in a list: the time of day where it is of today, else the day and the time: `26 Nov, 14:03`. */
export function formatMoment(at: number, now: number): string {
  return new Date(at).toDateString() === new Date(now).toDateString() ? CLOCK.format(at) : DATE.format(at);
}

/** A moment in full: `26 Nov 2026, 14:03:59`. */
export function formatDate(at: number): string {
  return FULL.format(at);
}

/** How long something takes: `0.4 s`, `12 s`, `3 min 12 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 9.95) return `${short(seconds)} s`;
  const whole = Math.round(seconds);
  const [days, hours] = [Math.floor(whole / 86_400), Math.floor((whole % 86_400) / 3_600)];
  const [minutes, rest] = [Math.floor((whole % 3_600) / 60), whole % 60];
  if (days > 0) return pair(days, 'd', hours, 'h');
  if (hours > 0) return pair(hours, 'h', minutes, 'min');
  return minutes > 0 ? pair(minutes, 'min', rest, 's') : `${rest} s`;
}

function pair(first: number, unit: string, second: number, smaller: string): string {
  return second === 0 ? `${first} ${unit}` : `${first} ${unit} ${second} ${smaller}`;
}

function short(value: number): string {
  return value >= 99.95 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, '');
}
