import { afterEach, describe, expect, it, vi } from 'vitest';

import { type Output, Printer } from '../../lib/cli/printer.js';
import { CommErrorCode, EndpointState } from '../../lib/index.js';

afterEach(() => vi.restoreAllMocks());

/** What the command prints, on both of its outputs. */
function printed(json: boolean, output: Output, timed = false): string {
  const outputs = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockReturnValue(true),
  );
  new Printer(json, { timed }).print(output);
  return outputs.flatMap(({ mock }) => mock.calls.map(([chunk]) => String(chunk))).join('');
}

/** What the command prints of a reply, on a terminal or to a pipe. */
function printedReply(value: unknown, isTerminal: boolean): string | Uint8Array | undefined {
  const { isTTY } = process.stdout;
  const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    process.stdout.isTTY = isTerminal;
    new Printer(false).print({ event: 'reply', from: 'js', channel: 'c', topic: 't', value });
    expect(written).toHaveBeenCalledOnce();
    return written.mock.calls[0]?.[0];
  } finally {
    process.stdout.isTTY = isTTY;
    written.mockRestore();
  }
}

/** Escapes of a terminal, line breaks of every kind, and what turns the direction of text. */
const UNSAFE = [
  '\n',
  '\r',
  '\r\n',
  '\t',
  '\b',
  '\0',
  '\x7f',
  '\x1b[2J',
  '\x85',
  '\x9b31m',
  ...Array.from(
    '\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\ud800',
  ),
  '\u{e0041}',
];
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const FORGED = 'listening on tcp://evil';

/** Each text that a peer can choose, with something unsafe in it. */
function outputs(unsafe: string): readonly Output[] {
  const text = `a${unsafe}${FORGED}`;
  const properties = { [text]: text, deep: [{ [text]: text }] };
  const endpoint = { name: text, address: text, peerCn: text, tls: text, properties };
  return [
    { event: 'message', from: text, app: 1, headers: properties, bytes: 1, text },
    { event: 'endpoint', state: EndpointState.READY, ...endpoint },
    { event: 'ready', connectMs: 1, handshakeMs: 1, ...endpoint },
    { event: 'error', code: CommErrorCode.CLOSED, message: text, retryMs: 1 },
    { event: 'notice', message: text },
    { event: 'request', from: text, channel: text, topic: text, value: properties },
    { event: 'reply', from: text, channel: text, topic: text, value: text },
    { event: 'cell', name: text, depth: 1, rttMs: null, returnCode: 'timeout' },
    { event: 'pushed', to: text, file: text, bytes: 1, isConfirmed: false },
    { event: 'pulled', from: text, file: text, bytes: 1 },
    { event: 'listening', url: text },
  ];
}

describe('what the command prints', () => {
  it.each(UNSAFE)('has no %j of a peer, and no line that a peer has made', (unsafe) => {
    const bytes = new TextEncoder().encode(`a${unsafe}${FORGED}`);
    expect(printedReply(bytes, true)).toMatch(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+\n$/u);
    for (const output of outputs(unsafe)) {
      const lines = printed(false, output).split('\n');
      expect(lines.pop()).toBe('');
      expect(lines).toHaveLength(output.event === 'ready' ? 3 : 1);
      expect(lines.filter((line) => line.startsWith(FORGED))).toEqual([]);
      expect(lines.join('')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      vi.restoreAllMocks();
    }
  });

  it.each(UNSAFE)('has no %j in JSON, and still the same value', (unsafe) => {
    for (const output of outputs(unsafe)) {
      const line = printed(true, output);
      expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      expect(JSON.parse(line)).toEqual({ time: expect.stringMatching(TIME) as unknown, ...output });
      vi.restoreAllMocks();
    }
  });

  it('has a reply of bytes as these bytes for a pipe, and in words for a terminal', () => {
    const bytes = Uint8Array.of(0, 27, 255, 10);
    expect(printedReply(bytes, false)).toEqual(bytes);
    expect(printedReply(bytes, true)).toBe('(4 bytes of binary data)\n');
    expect(printedReply('text\n', false)).toBe('text\n');
  });

  it('has bytes as base64 and large integers as text', () => {
    const headers = { bytes: Uint8Array.of(1), round: 7n };
    const output: Output = { event: 'message', from: 'site-1', app: 1, headers, bytes: 0, text: '' };
    expect(printed(false, output)).toBe('site-1 [app 1] {"bytes":{"base64":"AQ=="},"round":"7"} \n');
  });

  it('shows a text that is not UTF-8 by its size, and no line break at the end of one that is', () => {
    const output: Output = { event: 'message', from: 'site-1', app: 1, headers: null, bytes: 5, text: null };
    expect(printed(false, output)).toBe('site-1 [app 1] (5 bytes of binary data)\n');
    vi.restoreAllMocks();
    expect(printed(false, { ...output, text: 'hello\n' })).toBe('site-1 [app 1] hello\n');
  });

  it('has durations to the microsecond, and leaves the numbers of a peer alone', () => {
    expect(printed(true, { event: 'pong', rttMs: 0.123456789 })).toContain('"rttMs":0.123}');
    vi.restoreAllMocks();
    const headers = { stepMs: 0.123456789 };
    const output: Output = { event: 'message', from: 'site-1', app: 1, headers, bytes: 0, text: '' };
    expect(printed(true, output)).toContain('{"stepMs":0.123456789}');
  });

  it('counts one PING as one', () => {
    const output: Output = { event: 'summary', sent: 1, minMs: 1, avgMs: 1, maxMs: 1 };
    expect(printed(false, output)).toMatch(/^1 PING, /);
    vi.restoreAllMocks();
    expect(printed(false, { ...output, sent: 2 })).toMatch(/^2 PINGs, /);
  });

  it('has the time in front where that is asked for', () => {
    const [time, ...words] = printed(false, { event: 'notice', message: 'hello' }, true).split(' ');
    expect(time).toMatch(TIME);
    expect(words).toEqual(['hello\n']);
  });
});
