import { styleText } from 'node:util';

import { cut, pad, printable, widthOf } from './printable.js';

/** One column of a table: what its cells say of a row, which may need more than the row. */
export interface Column<Row, Context> {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** The column of the highest rank is left out first where the screen is narrow. */
  readonly rank: number;
  readonly cell: (row: Row, context: Context) => string;
}

/** The part of the screen that one column may take, so that a long name leaves room for the figures. */
const MAX_PART = 0.5;

/** The lines of a table, its titles first, none wider than the screen. */
export function tableLines<Row, Context>(
  columns: readonly Column<Row, Context>[],
  rows: readonly Row[],
  context: Context,
  width: number,
): readonly string[] {
  const maxWidth = Math.floor(width * MAX_PART);
  const measured = columns.map(({ title, align, rank, cell }) => {
    const texts = [title, ...rows.map((row) => cut(printable(cell(row, context)), maxWidth))];
    return { align, rank, texts, width: Math.max(...texts.map(widthOf)) };
  });
  const shown = [...measured];
  while (shown.length > 1 && shown.reduce((sum, column) => sum + column.width + 2, -2) > width) {
    const last = shown.reduce((worst, column) => (column.rank >= worst.rank ? column : worst));
    shown.splice(shown.indexOf(last), 1);
  }
  return Array.from({ length: rows.length + 1 }, (_, row) => {
    const texts = shown.map((column) => pad(column.texts[row] ?? '', column.width, column.align));
    const line = cut(texts.join('  ').trimEnd(), width);
    return row === 0 ? styled('inverse', pad(line, width, 'left')) : line;
  });
}

/** A text that stands out on a terminal. */
export function styled(style: 'bold' | 'inverse', text: string): string {
  return process.stdout.isTTY ? styleText(style, text) : text;
}
