/**
 * A class roster: its columns, its rows, and the name of each row's token. Flow: command > **row** > claims > signature.
 * Invariant: one student and one period give one token name, and so one allowance, however often the token is issued.
 */
import { isName } from '../base/names.ts';

/** A student in a roster. */
export interface RosterRow {
  /** The line of the file where the row ends, from 1. */
  readonly line: number;
  /** Lower-cased: it is the token's `user`. */
  readonly email: string;
  readonly name: string;
  readonly section: string;
}

/** As many as the first-year students of a large university; the bound for rows in memory. */
export const ROSTER_ROWS_MAX = 20_000;

/** Short enough for a `jti` of 256 characters with a period and a number of three digits. */
const EMAIL_CHARS_MAX = 180;
const TEXT_CHARS_MAX = 256;
export const PERIOD_CHARS_MAX = 64;

const COLUMNS = ['email', 'name', 'section'] as const;
type Column = (typeof COLUMNS)[number];

/** The index of each column; -1: the file has none. */
export type RosterColumns = Readonly<Record<Column, number>>;

/**
 * Reads the heading, in any order and any case. Missing names and sections are empty; other columns are ignored.
 * @returns a sentence if the heading is wrong
 */
export function parseHeading(cells: readonly string[]): RosterColumns | string {
  const names = cells.map((cell) => cell.trim().toLowerCase());
  const twice = COLUMNS.find((column) => names.indexOf(column) !== names.lastIndexOf(column));
  if (twice !== undefined) return `the heading has the column "${twice}" twice`;
  const [email, name, section] = COLUMNS.map((column) => names.indexOf(column));
  if (email === undefined || email === -1 || name === undefined || section === undefined) {
    return 'the heading must name the column email, and may name name and section, with commas between them';
  }
  return { email, name, section };
}

/** An e-mail address as schools use them, without characters that separate cells, names or headers. */
const EMAIL =
  /^[^\s\p{Cc}@:;,"<>()[\]\\]+@[^\s\p{Cc}@:;,"<>()[\]\\.]+(\.[^\s\p{Cc}@:;,"<>()[\]\\.]+)+$/u;

/** The mark that a lenient decoder leaves where a file is not UTF-8. */
const NOT_UTF8 = '\ufffd';

/**
 * Reads a row.
 * @returns a sentence if the row is wrong, without the row's text
 */
export function parseRow(
  cells: readonly string[],
  columns: RosterColumns,
  { line, width }: { readonly line: number; readonly width: number },
): RosterRow | string {
  if (cells.length !== width) return `the heading has ${width} cells, the row ${cells.length}`;
  if (cells.some((cell) => cell.includes(NOT_UTF8))) return 'not UTF-8: save the file as CSV UTF-8';
  const cellOf = (column: Column): string => (cells[columns[column]] ?? '').trim();
  const email = cellOf('email').toLowerCase();
  if (email === '') return 'the e-mail address is missing';
  if (email.length > EMAIL_CHARS_MAX || !EMAIL.test(email)) return 'not an e-mail address';
  const row = { line, email, name: cellOf('name'), section: cellOf('section') };
  for (const column of ['name', 'section'] as const) {
    if (row[column] !== '' && !isName(row[column], TEXT_CHARS_MAX)) {
      return `the ${column} must be at most ${TEXT_CHARS_MAX} characters without control characters`;
    }
  }
  return row;
}

/** True for a text that may name a period. It has no colon, because a colon separates it from the address. */
export const isPeriod = (text: string): boolean =>
  text.length <= PERIOD_CHARS_MAX && /^[\w.-]+$/.test(text);

/** Returns the name of a period that was given none: the day, in UTC, on which its tokens end. */
export const periodOf = (expiresAtMs: number): string =>
  new Date(expiresAtMs).toISOString().slice(0, 10);

/**
 * Returns the `jti` of a student's token in a period.
 * @param generation 1 for the first token, one more for each replacement of a leaked one
 */
export const jtiOfRow = (period: string, email: string, generation = 1): string =>
  generation === 1 ? `${period}:${email}` : `${period}:${email}:${generation}`;
