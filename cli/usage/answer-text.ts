/**
 * The answer of `GET /v1/usage` as a table and as CSV.
 */
import { isRecord, type JsonObject } from '../../core/base/json.ts';
import { toCsvLine, toSafeCell } from '../csv.ts';
import { toTable } from '../output.ts';

const SUMS = [
  'requests',
  'input_tokens',
  'cached_input_tokens',
  'output_tokens',
  'usd',
  'overrun_usd',
] as const;

const HEADINGS = ['REQUESTS', 'INPUT', 'CACHED', 'OUTPUT', 'USD', 'OVERRUN'] as const;

const linesOf = ({ data }: JsonObject): readonly JsonObject[] =>
  Array.isArray(data) ? data.filter(isRecord) : [];

const nameIn = (line: JsonObject, name: string): string =>
  typeof line[name] === 'string' ? line[name] : '(none)';

const sumsOf = (line: JsonObject): readonly string[] => SUMS.map((name) => String(line[name] ?? 0));

/** @param by the names that were grouped by, separated by commas */
export function toAnswerTable(answer: JsonObject, by: string): string {
  const names = by.split(',');
  const rows = linesOf(answer).map((line) => [
    ...names.map((name) => nameIn(line, name)),
    ...sumsOf(line),
  ]);
  const total = isRecord(answer.total) ? sumsOf(answer.total) : [];
  const label = names.map((_, place) => (place === 0 ? 'total' : ''));
  const heading = [...names.map((name) => name.toUpperCase()), ...HEADINGS];
  return `${toTable(heading, [...rows, [...label, ...total]])}\n\n${answer.from} to ${answer.to}`;
}

/** @param by the names that were grouped by, separated by commas */
export function toAnswerCsv(answer: JsonObject, by: string): string {
  const names = by.split(',');
  const rows = linesOf(answer).map((line) => [
    ...names.map((name) => toSafeCell(nameIn(line, name))),
    ...sumsOf(line),
  ]);
  return [[...names, ...SUMS], ...rows].map(toCsvLine).join('\n');
}
