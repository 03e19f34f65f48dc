import { filter, finalize, fromEvent, map, NEVER, Observable, startWith } from 'rxjs';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** In raw mode the terminal sends Ctrl-C as a character, and no SIGINT. */
const QUIT: readonly string[] = ['q', 'Q', '\x03'];

/** The size of a terminal that does not report one. */
const USUAL_SIZE = { columns: 80, rows: 24 };

/** The size of the terminal in characters. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/**
 * Switches the terminal to its alternate screen and hides the cursor. Unsubscribing, or the end of the process,
 * restores both. Emits the size now and after each change.
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

/** Draws lines over the last ones. No line may be wider than the screen. */
export function draw(lines: readonly string[], { rows }: ScreenSize): void {
  // Each line is cleared before it is written: after a full line the cursor is still on its last character.
  const text = lines.map((line) => CLEAR_LINE + line).join('\r\n');
  process.stdout.write(HOME + text + (lines.length < rows ? `\r\n${CLEAR_BELOW}` : ''));
}

/** Emits when `q` or Ctrl-C is pressed. Raw mode keeps other keys from showing on the screen. */
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
