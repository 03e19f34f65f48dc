import { afterEach, describe, expect, it } from 'vitest';

import { type Communicator, Mode, textMessage, textOf } from '../../lib/index.js';
import { MonitorAppIds, serveStats } from '../../lib/monitor/index.js';
import { communicator, startListening, stopAll } from '../support/communicators.js';
import { programArgs } from '../support/compiled.js';
import { PtyProcess } from '../support/pty-process.js';
import { pythonAvailable } from '../support/python.js';

afterEach(stopAll);

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const { STATS } = MonitorAppIds;

/** `rxflare top` in a terminal of its own. */
function top(url: string, columns = 100, rows = 20): PtyProcess {
  const command = [process.execPath, ...programArgs('cli/main'), 'top', url];
  return new PtyProcess(columns, rows, [...command, '--period', '100', '--name', 'watcher']);
}

async function listeningHub(serve: (hub: Communicator) => unknown = serveStats) {
  const hub = communicator('hub');
  serve(hub);
  hub.addConnector('tcp://127.0.0.1:0', Mode.PASSIVE);
  return { hub, url: await startListening(hub) };
}

const isDrawn = (lines: readonly string[]) => lines.some((line) => line.startsWith('watcher '));

describe.skipIf(!pythonAvailable())('the screen of rxflare top, in a terminal', () => {
  it('has the screen to itself and no cursor, and gives both back', async () => {
    const { url } = await listeningHub();
    await using terminal = top(url);
    const lines = await terminal.until(isDrawn);
    expect(terminal.isAlternate).toBe(true);
    expect(terminal.written.startsWith(ENTER)).toBe(true);
    expect(lines[0]).toMatch(/^hub {2}\d\d:\d\d:\d\d {2}connected$/);
    terminal.press('q');
    expect(await terminal.ended()).toEqual({ status: 0, echoes: true });
    expect(terminal.written.endsWith(LEAVE)).toBe(true);
    expect(terminal.isAlternate).toBe(false);
    expect(terminal.lines.join('')).toBe('');
  });

  it.each([
    ['Ctrl-C', (terminal: PtyProcess) => terminal.press('\x03')],
    ['SIGTERM', (terminal: PtyProcess) => terminal.signal('SIGTERM')],
    ['SIGINT', (terminal: PtyProcess) => terminal.signal('SIGINT')],
  ])('leaves the terminal as it was after %s', async (_, end) => {
    const { url } = await listeningHub();
    await using terminal = top(url);
    await terminal.until(isDrawn);
    end(terminal);
    expect(await terminal.ended()).toEqual({ status: 0, echoes: true });
    expect(terminal.written.split(LEAVE)).toHaveLength(2);
    expect(terminal.written.endsWith(LEAVE)).toBe(true);
  });

  it('shows no other key, and stays', async () => {
    const { url } = await listeningHub();
    await using terminal = top(url);
    await terminal.until(isDrawn);
    terminal.press('hello\x1bOQ');
    const before = terminal.lines[0];
    await terminal.until((lines) => lines[0] !== before);
    expect(terminal.lines.join('\n')).not.toMatch(/hello|\^\[/);
    terminal.press('q');
    expect((await terminal.ended()).status).toBe(0);
  });

  it('follows the size of the terminal', async () => {
    const { url } = await listeningHub();
    await using terminal = top(url, 100, 20);
    await terminal.until((lines) => lines.some((line) => line.includes('ADDRESS')));
    const { length } = terminal.written;
    terminal.resize(40, 10);
    // A picture for the size before would be cut, or go on in the next line.
    await terminal.until(
      (lines) =>
        terminal.written.length > length &&
        isDrawn(lines) &&
        !lines.some((line) => line.includes('ADDRESS') || line.startsWith('↪')),
    );
    terminal.resize(120, 24);
    await terminal.until((lines) => lines.some((line) => line.includes('ADDRESS')));
    terminal.press('q');
    expect((await terminal.ended()).status).toBe(0);
  });

  it('says that the hub has died, and goes on when it is back', async () => {
    const { hub, url } = await listeningHub();
    await using terminal = top(url);
    await terminal.until(isDrawn);
    await hub.stop();
    await terminal.until(([title = '']) => title.includes('not connected'));
    expect(terminal.isAlternate).toBe(true);
    const again = communicator('hub');
    serveStats(again);
    again.addConnector(url, Mode.PASSIVE);
    await again.start();
    await terminal.until(([title = '']) => title.endsWith(' connected'));
    await again.stop();
    await terminal.until(([title = '']) => title.includes('not connected'));
    terminal.press('q');
    expect(await terminal.ended()).toEqual({ status: 0, echoes: true });
  });

  it('says that the hub has ended its service', async () => {
    const { hub, url } = await listeningHub(() => undefined);
    const service = serveStats(hub);
    await using terminal = top(url);
    await terminal.until(isDrawn);
    service.unsubscribe();
    await terminal.until(([title = '']) => title.includes('has ended its service, asking again'));
    expect(isDrawn(terminal.lines)).toBe(true);
    terminal.press('q');
    expect(await terminal.ended()).toEqual({ status: 0, echoes: true });
  });

  it('says why it cannot watch, on the screen that was there before', async () => {
    const { url } = await listeningHub((hub) => serveStats(hub, { allow: () => false }));
    await using terminal = top(url);
    expect(await terminal.ended()).toEqual({ status: 4, echoes: true });
    expect(terminal.isAlternate).toBe(false);
    expect(terminal.lines.join('')).toContain('endpoint watcher may not watch');
  });

  it.each([30, 61, 80, 100])(
    'fits %d columns, whatever the names are, and obeys none of them',
    async (columns) => {
      const names = [
        '网站-一号-研究中心'.repeat(9),
        'ﾊﾝｶｸ-한국어-센터',
        '🚀'.repeat(60),
        '👩-👩‍🔬-❤️-🇨🇭',
        'e\u0301'.repeat(20),
        '\u202egnol',
        'x'.repeat(300),
      ];
      const evil = 'evil\x1b[2J\x1b]0;owned\x07\u009b31m\r\n\tx\u200b\u2028';
      const { url } = await listeningHub((hub) => serveNames(hub, [...names, evil]));
      await using terminal = top(url, columns, 24);
      const lines = await terminal.until((shown) => shown.some((line) => line.startsWith('evil')));
      expect(lines.filter((line) => line.startsWith('↪'))).toEqual([]);
      expect(lines[3]).toMatch(columns < 61 ? /^ENDPOINT +STATE/ : /^ENDPOINT +STATE .*IN msg\/s/);
      expect(lines.slice(4, 4 + names.length + 1)).toHaveLength(names.length + 1);
      for (const start of ['网站', 'ﾊﾝｶｸ', '🚀', '👩', 'e\u0301', '?gnol', 'xxx'])
        expect(
          lines.some((line) => line.startsWith(start)),
          start,
        ).toBe(true);
      terminal.press('q');
      await terminal.ended();
      const drawn = terminal.written.slice(ENTER.length, -LEAVE.length);
      // eslint-disable-next-line no-control-regex -- These are all that a drawing may have.
      const rest = drawn.replaceAll(/\x1b\[(?:H|J|K|1m|22m|7m|27m)|\r+\n/g, '');
      expect(rest).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    },
  );
});

/** Answers as a hub whose endpoints have these names. */
function serveNames(hub: Communicator, names: readonly string[]): void {
  hub.registerMessageReceiver(STATS, ({ endpoint, message }) => {
    const { id } = JSON.parse(textOf(message)) as { id: number };
    const [sample] = hub.stats().endpoints;
    const endpoints = names.map((name) => ({ ...sample, name }));
    const stats = { ...hub.stats(), endpoints };
    const events = names.map((text) => ({ at: stats.at, type: 'endpoint', text }));
    hub.send(
      endpoint,
      STATS,
      textMessage(JSON.stringify({ type: 'report', id, periodMs: 1_000, stats, events, missedEvents: 0 })),
    );
  });
}
