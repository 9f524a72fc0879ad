/**
 * A class roster: its columns, its rows, and the name of each row's token. Flow: command > **row** > claims > signature.
 * Invariant: one student and one period give one token name, and so one allowance, however often the token is issued.
 */
import { parseDuration, parseInstant } from '../base/duration.ts';
import { nanoUsdFromUsd } from '../base/money.ts';
import { foldUser, isName, parseModelPatterns } from '../base/names.ts';
import { type Tags, toTagValue } from '../base/tags.ts';

/** A student in a roster. */
export interface RosterRow {
  /** The line of the file where the row ends, from 1. */
  readonly line: number;
  /** In the one form of a user's id: it is the token's `user`. */
  readonly email: string;
  /** The address as the file has it, where that differs. */
  readonly written?: string;
  readonly name: string;
  readonly section: string;
  /** In place of the command's, for this student alone. */
  readonly limitUsd?: number;
  readonly models?: readonly string[];
  /** As it is written: a duration or an instant. */
  readonly expires?: string;
}

/** As many as the first-year students of a large university; the bound for rows in memory. */
export const ROSTER_ROWS_MAX = 20_000;

/** Short enough for a `jti` of 256 characters with a period and a number of three digits. */
const EMAIL_CHARS_MAX = 180;
const TEXT_CHARS_MAX = 256;
export const PERIOD_CHARS_MAX = 64;

const COLUMNS = ['email', 'name', 'section', 'limit_usd', 'models', 'expires'] as const;
type Column = (typeof COLUMNS)[number];

/** The names of the same columns in a gradebook that Canvas exports. */
const CANVAS: Readonly<Partial<Record<Column, string>>> = {
  email: 'sis login id',
  name: 'student',
};

/** The index of each column; absent: the file has none. */
export type RosterColumns = Readonly<Partial<Record<Column, number>>> & {
  readonly email: number;
  /** True for a gradebook of Canvas, whose rows are not all students. */
  readonly isCanvas?: true;
};

/**
 * Reads the heading, in any order and any case. Missing cells are empty; other columns are ignored.
 * @returns a sentence if the heading is wrong
 */
export function parseHeading(cells: readonly string[]): RosterColumns | string {
  const names = cells.map((cell) => cell.trim().toLowerCase());
  const isCanvas =
    !names.includes('email') && Object.values(CANVAS).every((name) => names.includes(name));
  const found: Partial<Record<Column, number>> = {};
  for (const column of COLUMNS) {
    const name = (isCanvas ? CANVAS[column] : undefined) ?? column;
    const index = names.indexOf(name);
    if (index !== names.lastIndexOf(name)) return `the heading has the column "${name}" twice`;
    if (index !== -1) found[column] = index;
  }
  const { email, ...others } = found;
  if (email === undefined) {
    return 'the heading must name the column email, and may name name, section, limit_usd, models and expires, with commas or semicolons between them';
  }
  return { email, ...others, ...(isCanvas && { isCanvas }) };
}

/** Returns the separator of a file, from its first line. Spreadsheets of many countries write semicolons. */
export const separatorOf = (firstLine: string): ',' | ';' =>
  firstLine.split(';').length > firstLine.split(',').length ? ';' : ',';

/** Rows of a Canvas gradebook that are no student: the points of each column, and the student for trying out. */
const NO_STUDENT = /^(Points Possible|Student, Test|Test Student|)$/i;

/** Returns true for a row that Canvas adds and that is no student. */
export const isNoStudent = (cells: readonly string[], { isCanvas, name }: RosterColumns): boolean =>
  isCanvas === true && name !== undefined && NO_STUDENT.test((cells[name] ?? '').trim());

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
  const cellOf = (column: Column): string => (cells[columns[column] ?? -1] ?? '').trim();
  const written = cellOf('email');
  const email = foldUser(written);
  if (email === '') return 'the e-mail address is missing';
  if (email.length > EMAIL_CHARS_MAX || !EMAIL.test(email)) return 'not an e-mail address';
  const row = { line, email, name: cellOf('name'), section: cellOf('section') };
  for (const column of ['name', 'section'] as const) {
    if (row[column] !== '' && !isName(row[column], TEXT_CHARS_MAX)) {
      return `the ${column} must be at most ${TEXT_CHARS_MAX} characters without control characters`;
    }
  }
  const limit = cellOf('limit_usd');
  if (limit !== '' && !isUsd(limit)) return 'the limit_usd must be dollars such as 2.50';
  const models = cellOf('models');
  const patterns = models === '' ? undefined : parseModelPatterns(models.split(/[\s,;|]+/));
  if (models !== '' && patterns === undefined) {
    return 'the models must be model ids or "provider/*", with blanks between them';
  }
  const expires = cellOf('expires');
  if (expires !== '' && !isExpiry(expires)) {
    return 'the expires must be a duration such as 7d, or an instant such as 2026-12-01T12:00Z';
  }
  return {
    ...row,
    ...(written !== email && { written }),
    ...(limit !== '' && { limitUsd: Number(limit) }),
    ...(patterns && { models: patterns }),
    ...(expires !== '' && { expires }),
  };
}

const isUsd = (text: string): boolean =>
  /^\d{1,10}(\.\d{1,9})?$/.test(text) && nanoUsdFromUsd(Number(text)) !== undefined;

const isExpiry = (text: string): boolean => expiryOf(text, 0) !== undefined;

/** Reads the end of a row's token; undefined for another text. */
export function expiryOf(text: string, nowMs: number): number | undefined {
  const seconds = parseDuration(text);
  return seconds === undefined ? parseInstant(text) : nowMs + seconds * 1000;
}

/** True for a text that may name a period. It has no colon, because a colon separates it from the address. */
export const isPeriod = (text: string): boolean =>
  text.length <= PERIOD_CHARS_MAX && /^[\w.-]+$/.test(text);

/** Returns the tags of a row's token: those of all rows, and its section in the form of a tag. */
export function tagsOfRow(
  { section }: Pick<RosterRow, 'section'>,
  tags: Tags | undefined,
): Tags | undefined {
  const value = toTagValue(section);
  return value === undefined ? tags : { ...tags, section: value };
}

/** Returns the name of a period that was given none: the day, in UTC, on which its tokens end. */
export const periodOf = (expiresAtMs: number): string =>
  new Date(expiresAtMs).toISOString().slice(0, 10);

/**
 * Returns the spellings of a student's address by which a token of theirs may have been named: the one form of a user's id,
 * the file's own, and that of the version before, which lower-cased the letters of every script.
 */
export const spellingsOf = ({
  email,
  written = email,
}: Pick<RosterRow, 'email' | 'written'>): readonly string[] => [
  ...new Set([email, written, written.toLowerCase()]),
];

/**
 * Returns the `jti` of a student's token in a period.
 * @param generation 1 for the first token, one more for each replacement of a leaked one
 */
export const jtiOfRow = (period: string, email: string, generation = 1): string =>
  generation === 1 ? `${period}:${email}` : `${period}:${email}:${generation}`;
