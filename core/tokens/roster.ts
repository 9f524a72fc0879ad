/**
 * A class roster: which columns it has, what a row must be, and what the token of a row is called.
 * Flow: command > **row** > claims > signature.
 * Invariant: one student and one period give one name of a token, and so one allowance, however often it is issued.
 */
import { isName } from '../base/names.ts';

/** A student, as a roster has them. */
export interface RosterRow {
  /** Where the row ends in the file, from 1. */
  readonly line: number;
  /** Lower-cased: it is the token's `user`. */
  readonly email: string;
  readonly name: string;
  readonly section: string;
}

/** A class of all first-year students of a large university, and a bound for what is kept of a file. */
export const ROSTER_ROWS_MAX = 20_000;

/** With a period and a number of three digits, a `jti` of at most 256 characters is made of it. */
const EMAIL_CHARS_MAX = 180;
const TEXT_CHARS_MAX = 256;
export const PERIOD_CHARS_MAX = 64;

const COLUMNS = ['email', 'name', 'section'] as const;
type Column = (typeof COLUMNS)[number];

/** Where each column stands; -1: the file has none. */
export type RosterColumns = Readonly<Record<Column, number>>;

/**
 * Reads the heading: any order, any case. Without names or sections they are empty; other columns are passed over.
 * @returns what is wrong with it, as words, if something is
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

/** Of what an address is made, as mail systems of schools hand them out; none of it parts cells, names or headers. */
const EMAIL =
  /^[^\s\p{Cc}@:;,"<>()[\]\\]+@[^\s\p{Cc}@:;,"<>()[\]\\.]+(\.[^\s\p{Cc}@:;,"<>()[\]\\.]+)+$/u;

/** What a lenient decoder leaves where a file is not UTF-8. */
const NOT_UTF8 = '\ufffd';

/**
 * Reads a row.
 * @returns what is wrong with it, as words and never its text, if something is
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
      return `the ${column} must be at most ${TEXT_CHARS_MAX} characters, none a control character`;
    }
  }
  return row;
}

/** Whether a text may name a period: it holds no colon, which parts it from the address. */
export const isPeriod = (text: string): boolean =>
  text.length <= PERIOD_CHARS_MAX && /^[\w.-]+$/.test(text);

/** A period without a name is called by the day, UTC, on which its tokens end. */
export const periodOf = (expiresAtMs: number): string =>
  new Date(expiresAtMs).toISOString().slice(0, 10);

/**
 * The `jti` of a student's token in a period.
 * @param generation 1 for the first token, one more for each that took the place of a leaked one
 */
export const jtiOfRow = (period: string, email: string, generation = 1): string =>
  generation === 1 ? `${period}:${email}` : `${period}:${email}:${generation}`;
