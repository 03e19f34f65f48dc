/** A count or a rate: `7`, `1.5`, `230`. */
export function count(value: number): string {
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
}

/** A size: `1.5 kB`. */
export function bytes(value: number): string {
  const power = value < 1_000 ? 0 : Math.min(4, Math.floor(Math.log10(value) / 3));
  return `${count(value / 1_000 ** power)} ${['B', 'kB', 'MB', 'GB', 'TB'][power] ?? ''}`;
}
