import { filter, finalize, fromEvent, map, NEVER, Observable, startWith } from 'rxjs';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** Ctrl-C is a key like others while the terminal sends them one by one. */
const QUIT: readonly string[] = ['q', 'Q', '\x03'];

/** What a terminal has that does not tell its size, as the first ones had. */
const USUAL_SIZE = { columns: 80, rows: 24 };

/** Columns and rows. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/**
 * Takes the whole screen of the terminal, without its cursor, and gives it back on unsubscribing; also where the
 * process ends otherwise. Emits the size, now and whenever it changes.
 */
export function openScreen(): Observable<ScreenSize> {
  return new Observable((subscriber) => {
    const { stdout } = process;
    const leave = (): boolean => stdout.write(LEAVE);
    const size = (): ScreenSize => ({
      columns: stdout.columns || USUAL_SIZE.columns,
      rows: stdout.rows || USUAL_SIZE.rows,
    });
    process.once('exit', leave);
    stdout.write(ENTER);
    const sizes = fromEvent(stdout, 'resize').pipe(startWith(undefined), map(size)).subscribe(subscriber);
    return () => {
      sizes.unsubscribe();
      process.off('exit', leave);
      leave();
    };
  });
}

/** Shows lines, none wider than the screen, in the place of those before. */
export function draw(lines: readonly string[], { rows }: ScreenSize): void {
  // A line is cleared before it is written: behind the last column the cursor still stands on the last character.
  const text = lines.map((line) => CLEAR_LINE + line).join('\r\n');
  process.stdout.write(HOME + text + (lines.length < rows ? `\r\n${CLEAR_BELOW}` : ''));
}

/** Emits when `q` or Ctrl-C is pressed. What else is typed does not show up on the screen. */
export function quitPressed(): Observable<unknown> {
  const { stdin } = process;
  if (!stdin.isTTY) return NEVER;
  return new Observable<unknown>((subscriber) => {
    stdin.setRawMode(true);
    return fromEvent(stdin, 'data', String)
      .pipe(
        filter((keys) => QUIT.includes(keys.charAt(0))),
        finalize(() => stdin.setRawMode(false).pause()),
      )
      .subscribe(subscriber);
  });
}
