/**
 * Output of a command: its result goes to standard output, everything else to standard error.
 */
import type { Readable } from 'node:stream';
import { styleText } from 'node:util';
import { wrongUse } from './failure.ts';

/** The input and output of a command. */
export interface Terminal {
  /** Writes the result to standard output. */
  print(text: string): void;
  /** Writes a message to standard error. Never a secret. */
  note(text: string): void;
  readInput(): Promise<string>;
  /** Opens standard input as a stream, for input that is too long for memory. */
  openInput(): Readable;
  /** Replaces the last line of standard error; an empty text clears it. Absent if standard error is no terminal. */
  readonly redraw?: (line: string) => void;
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads a token or key: the argument itself, or standard input for `-`. A process list shows arguments.
 * @throws CommandError if it is empty
 */
export async function readSecret(argument: string, terminal: Terminal): Promise<string> {
  const secret = (argument === '-' ? await terminal.readInput() : argument).trim();
  if (secret === '') throw wrongUse('the token or key on standard input is empty');
  return secret;
}

/** Longer than any provider's key. */
const NEW_SECRET_CHARS_MAX = 4096;
/** A secret that looks like JSON counts as not set. */
const BARE_SECRET = /^(?!\{)[!-~]+$/;

/**
 * Reads a secret that the gateway is to keep from standard input.
 * @param name of the secret, for the error
 * @throws CommandError unless it is printable ASCII of the right length
 */
export async function readNewSecret(
  name: string,
  terminal: Terminal,
  { charsMin = 1, form = BARE_SECRET } = {},
): Promise<string> {
  const secret = await readSecret('-', terminal);
  const isLong = secret.length >= charsMin && secret.length <= NEW_SECRET_CHARS_MAX;
  if (form.test(secret) && isLong) return secret;
  throw wrongUse(
    `the ${name} must be ${charsMin} to ${NEW_SECRET_CHARS_MAX} printable ASCII characters without a space`,
  );
}

export const toJson = (value: unknown): string => JSON.stringify(value, undefined, 2);

/** Prints a result as JSON or as text. */
export function printResult(
  { json }: { readonly json?: true },
  terminal: Terminal,
  result: { readonly json: unknown; readonly text: () => string },
): void {
  terminal.print(json ? toJson(result.json) : result.text());
}

type Style = 'bold' | 'dim' | 'green' | 'red';

/** Colours a text, only on a terminal and not if `NO_COLOR` is set. */
export const styled = (style: Style, text: string): string => styleText(style, text);

const GAP = '  ';

/** Formats rows under a heading, in columns. */
export function toTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heading.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const toLine = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd();
  return [styled('bold', toLine(heading)), ...rows.map(toLine)].join('\n');
}

/** A name and its value. One without a value is left out. */
export type Line = readonly [name: string, value: string | undefined];

/** Formats names and values, one pair per line. */
export function toLines(lines: readonly Line[]): string {
  const shown = lines.filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}${GAP}${value}`.trimEnd()).join('\n');
}

/** Formats unix milliseconds as `2026-11-20T12:00:00Z`. */
export const toInstant = (atMs: number): string =>
  new Date(atMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
