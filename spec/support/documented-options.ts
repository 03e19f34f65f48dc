import { readFileSync } from 'node:fs';

/** An option as its comment describes it. The numbers are NaN where the comment has none. */
interface DocumentedOption<N extends string> {
  readonly name: N;
  readonly text: string;
  readonly fallback: number;
  readonly least: number;
  readonly most: number;
}

const UNITS: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/**
 * The options in the order of their interface, with what their comments say.
 *
 * @param file - in `lib`
 */
export function documentedOptions<N extends string>(file: string, type: string): DocumentedOption<N>[] {
  const source = readFileSync(new URL(`../../lib/${file}`, import.meta.url), 'utf8');
  const [, members = ''] = new RegExp(`interface ${type}[^{]*\\{\\n(.*?)\\n\\}`, 's').exec(source) ?? [];
  return [...members.matchAll(/\/\*\*(.*?)\*\/\s+readonly (\w+)\?:/gs)].map(([, comment = '', name = '']) => {
    const text = comment.replaceAll(/\s*\n\s*\*\s?/g, ' ').trim();
    const [, fallback = '', least = '', most = ''] =
      /Default: (.+?)[.,] .*?Range: (.+?) to (.+?)\.(?: |$)/.exec(text) ?? [];
    return {
      name: name as N,
      text,
      fallback: valueOf(fallback),
      least: valueOf(least),
      most: valueOf(most),
    };
  });
}

/** What `2 GiB - 2 MiB`, `2^31 - 1`, `60,000`, `0.1` and `Infinity` stand for. */
function valueOf(text: string): number {
  const [first = NaN, ...rest] = text.split(' - ').map((term) => {
    const [, number = '', unit = ''] = /^([\d.,^]+|Infinity) ?([A-Za-z]*)$/.exec(term.trim()) ?? [];
    const [base = NaN, exponent = 1] = number === '' ? [] : number.replaceAll(',', '').split('^').map(Number);
    return base ** exponent * (UNITS[unit] ?? 1);
  });
  return rest.reduce((difference, term) => difference - term, first);
}
