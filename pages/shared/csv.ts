/**
 * CSV files (RFC 4180) for people who open them in spreadsheets: written without formulas, read with commas or
 * semicolons.
 */
import { toCsvLine, toSafeCell } from '../../core/base/csv.ts';
import { separatorOf } from '../../core/tokens/roster.ts';

/** The most characters of a file that is read. */
export const CSV_CHARS_MAX = 10_000_000;

/** Writes rows; every text that begins like a formula gets a leading `'`. */
const toCsv = (rows: readonly (readonly string[])[]): string =>
  rows.map((row) => `${toCsvLine(row.map(toSafeCell))}\r\n`).join('');

/** The columns of a file: their titles, and the cell of a row. */
export type CsvColumns<Row> = Readonly<Record<string, (row: Row) => string | number | null>>;

/** Offers rows as a CSV file. */
export function saveCsv<Row>(name: string, rows: readonly Row[], columns: CsvColumns<Row>): void {
  const cells = rows.map((row) => Object.values(columns).map((cell) => String(cell(row) ?? '')));
  const text = toCsv([Object.keys(columns), ...cells]);
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

/** A row and the line where it ends, from 1. */
export interface CsvRow {
  readonly cells: readonly string[];
  readonly line: number;
}

/** Reads rows that commas or semicolons separate. Empty lines are left out. */
export function parseCsv(text: string): readonly CsvRow[] {
  const [first = ''] = text.split('\n', 1);
  const separator = separatorOf(first);
  const pattern = new RegExp(`"((?:[^"]|"")*)"|[^"${separator}\r\n]+|${separator}|\r?\n|.`, 'gs');
  const rows: CsvRow[] = [];
  let cells: string[] = [];
  let cell = '';
  let line = 1;
  const close = () => {
    cells.push(cell);
    if (cells.some((each) => each !== '')) rows.push({ cells, line });
    cells = [];
    cell = '';
  };
  for (const [part, quoted] of text.replace(/^\ufeff/, '').matchAll(pattern)) {
    if (part === separator) {
      cells.push(cell);
      cell = '';
    } else if (part.endsWith('\n') && quoted === undefined) {
      close();
      line += 1;
    } else {
      cell += quoted?.replaceAll('""', '"') ?? part;
      line += (quoted?.split('\n').length ?? 1) - 1;
    }
  }
  close();
  return rows;
}
