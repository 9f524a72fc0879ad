/**
 * Reads the rows of a roster file one at a time, so that memory does not grow with the file.
 * Invariant: after the first invalid row no row is returned, but all are checked, and the end of the file is an error.
 */
import { pipeline, Readable } from 'node:stream';
import { type InfoRecord, parse } from 'csv-parse';
import {
  isNoStudent,
  parseHeading,
  parseRow,
  ROSTER_ROWS_MAX,
  type RosterColumns,
  type RosterRow,
  separatorOf,
} from '../../core/tokens/roster.ts';
import { CommandError } from '../failure.ts';

/** The longest row. A longer one means that a quote was left open. */
const ROW_CHARS_MAX = 8_192;

/** The most faults that are listed. The rest are counted. */
const LISTED_FAULTS_MAX = 20;

interface Parsed {
  readonly record: readonly string[];
  readonly info: Pick<InfoRecord, 'lines'>;
}

/**
 * Reads a roster.
 * @throws CommandError after the last row, with the line number of each invalid row
 */
export async function* readRoster(input: Readable): AsyncGenerator<RosterRow> {
  const faults = new Faults();
  const lineOfEmail = new Map<string, number>();
  let columns: RosterColumns | undefined;
  let width = 0;
  const { separator, whole } = await readSeparator(input);
  for await (const { record, info } of parseCsv(whole, separator, faults)) {
    if (columns === undefined) {
      const heading = parseHeading(record);
      if (typeof heading === 'string') throw new CommandError(`line ${info.lines}: ${heading}`);
      columns = heading;
      width = record.length;
      continue;
    }
    if (lineOfEmail.size === ROSTER_ROWS_MAX) {
      faults.add(info.lines, `a roster has at most ${ROSTER_ROWS_MAX} rows`);
      break;
    }
    if (isNoStudent(record, columns)) continue;
    const row = parseRow(record, columns, { line: info.lines, width });
    if (typeof row === 'string') {
      faults.add(info.lines, row);
      continue;
    }
    const other = lineOfEmail.get(row.email);
    if (other !== undefined) faults.add(row.line, `the same e-mail address as line ${other}`);
    else lineOfEmail.set(row.email, row.line);
    if (faults.count === 0) yield row;
  }
  if (faults.count > 0) throw faults.toError();
  if (lineOfEmail.size === 0) throw new CommandError('the roster has no rows');
}

/** Reads the first line for the separator of the file, and puts it back before the rest. */
async function readSeparator(
  input: Readable,
): Promise<{ readonly separator: ',' | ';'; readonly whole: Readable }> {
  const chunks = input[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const start: Buffer[] = [];
  let length = 0;
  while (length < ROW_CHARS_MAX && !start.at(-1)?.includes('\n')) {
    const { done, value } = await chunks.next();
    if (done) break;
    start.push(value);
    length += value.length;
  }
  const [firstLine = ''] = Buffer.concat(start).toString().split('\n', 1);
  async function* all(): AsyncGenerator<Buffer> {
    yield* start;
    yield* { [Symbol.asyncIterator]: () => chunks };
  }
  return { separator: separatorOf(firstLine), whole: Readable.from(all()) };
}

/** Parses the records of a CSV file. Faults in its quotes are reported by the parser, before earlier rows are read. */
function parseCsv(input: Readable, delimiter: string, faults: Faults): AsyncIterable<Parsed> {
  const parser = parse({
    bom: true,
    delimiter,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    skip_records_with_empty_values: true,
    max_record_size: ROW_CHARS_MAX,
    skip_records_with_error: true,
    on_skip: (error) => {
      const words = CSV_WORDS[error?.code ?? ''] ?? 'cannot be read as CSV';
      faults.add(Number(error?.lines ?? 1), words);
      return undefined;
    },
  });
  // An error of the input reaches the reader through the parser.
  return pipeline(input, parser, () => {});
}

const CSV_WORDS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened and never closed',
  CSV_INVALID_CLOSING_QUOTE: 'a quote is closed in the middle of a cell',
  INVALID_OPENING_QUOTE: 'a quote is opened in the middle of a cell',
  CSV_MAX_RECORD_SIZE: `a row of more than ${ROW_CHARS_MAX} characters; is a quote left open?`,
};

/** The faults of a roster: the first ones by their line, and the number of all. */
class Faults {
  count = 0;
  #first: { readonly line: number; readonly words: string }[] = [];

  add(line: number, words: string): void {
    this.count += 1;
    const sorted = [...this.#first, { line, words }].sort((a, b) => a.line - b.line);
    this.#first = sorted.slice(0, LISTED_FAULTS_MAX);
  }

  toError(): CommandError {
    const { count } = this;
    const listed = this.#first.map(({ line, words }) => `line ${line}: ${words}`);
    const more = count > listed.length ? [`and ${count - listed.length} more`] : [];
    const rows = count === 1 ? 'an invalid row' : `${count} invalid rows`;
    return new CommandError(
      [`the roster has ${rows}; nothing was written`, ...listed, ...more].join('\n  '),
    );
  }
}
