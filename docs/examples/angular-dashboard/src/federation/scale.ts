/** The marks of an axis: round numbers from below the least value to above the greatest, four or five of them. */
export function marksOf(least: number, most: number): readonly number[] {
  if (!Number.isFinite(least) || !Number.isFinite(most)) return [0, 1];
  const size = Math.max(Math.abs(least), Math.abs(most), TINY);
  // Values that differ in no digit that is shown are one value.
  const span = most - least > size * 1e-9 ? most - least : size === TINY ? 1 : size;
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = ([1, 2, 2.5, 5, 10].find((each) => each * power * 4 >= span) ?? 10) * power;
  const first = Math.floor(least / step + 1e-9);
  const last = Math.max(Math.ceil(most / step - 1e-9), first + 1);
  // Multiplied, not added up: 3 * 0.1 is rounded once.
  return Array.from({ length: last - first + 1 }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

/** Below it, what is divided becomes 0. */
const TINY = 1e-300;

/** A value of a metric, in four digits: `0.9412`, `12.34`, `1.2e-7`. */
export function formatValue(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(2);
  if (size >= 10_000) return value.toLocaleString('en', { maximumFractionDigits: 0 });
  return String(Number(value.toPrecision(4)));
}
