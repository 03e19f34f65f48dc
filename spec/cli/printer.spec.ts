import { afterEach, describe, expect, it, vi } from 'vitest';

import { type Output, Printer } from '../../lib/cli/printer.js';

afterEach(() => vi.restoreAllMocks());

/** What the command prints for a message from `from`. */
function printed(json: boolean, from: string, text: string): string {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const headers = { 'k\u009b': ['\x1b[2J', { deep: '\u202e' }], bytes: Uint8Array.of(1), round: 7n };
  const output: Output = { event: 'message', from, app: 1, headers, bytes: text.length, text };
  new Printer(json).print(output);
  return write.mock.calls.map(([chunk]) => String(chunk)).join('');
}

describe('what the command prints', () => {
  it('lets no text from elsewhere command the terminal', () => {
    expect(printed(false, 'evil\x1b[2J', 'one\r\n\ttwo\x07\u009b31m')).toBe(
      'evil?[2J [app 1] {"k?":["?[2J",{"deep":"?"}],"bytes":{"base64":"AQ=="},"round":"7"} one?\n\ttwo??31m\n',
    );
  });

  it('prints the same text as JSON, escaped and whole', () => {
    const line = printed(true, 'evil\x1b[2J', 'two\x07\u009b31m\u007f');
    expect(line.trimEnd()).not.toMatch(/\p{Cc}/u);
    expect(JSON.parse(line)).toMatchObject({ from: 'evil\x1b[2J', text: 'two\x07\u009b31m\u007f' });
  });
});
