/**
 * What a command says: its result to standard output, everything else to standard error.
 */
import type { Readable } from 'node:stream';
import { styleText } from 'node:util';
import { wrongUse } from './failure.ts';

/** Where a command reads and writes. */
export interface Terminal {
  /** The result, which may be piped on. */
  print(text: string): void;
  /** All else. Never a secret. */
  note(text: string): void;
  readInput(): Promise<string>;
  /** Standard input itself, for what is too long to be held. */
  openInput(): Readable;
  /** Writes over the last line of standard error; only where that is a terminal. Empty: clears it. */
  readonly redraw?: (line: string) => void;
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/**
 * A token or key that is an argument, or what stands on standard input for `-`: a process list shows arguments.
 * @throws CommandError when there is nothing
 */
export async function readSecret(argument: string, terminal: Terminal): Promise<string> {
  const secret = (argument === '-' ? await terminal.readInput() : argument).trim();
  if (secret === '') throw wrongUse('there is no token or key on standard input');
  return secret;
}

export const toJson = (value: unknown): string => JSON.stringify(value, undefined, 2);

type Style = 'bold' | 'dim' | 'green' | 'red';

/** Coloured on a terminal only, and not where `NO_COLOR` is set. */
export const styled = (style: Style, text: string): string => styleText(style, text);

const GAP = '  ';

/** Rows under a heading, in columns as wide as their widest cell. */
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

/** Names and values, a line each. */
export function toLines(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${name.padEnd(width)}${GAP}${value}`.trimEnd()).join('\n');
}

/** Unix milliseconds as `2026-11-20T12:00:00Z`. */
export const toInstant = (atMs: number): string =>
  new Date(atMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
