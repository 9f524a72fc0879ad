/**
 * A usage report as a table, as CSV and as JSON.
 */
import { namesOf, toBody } from '../../core/account/usage.ts';
import { toCsvLine, toSafeCell } from '../../core/base/csv.ts';
import { isRecord, type JsonObject } from '../../core/base/json.ts';
import { toUsdText } from '../../core/base/money.ts';
import { addSums, type UsageSums } from '../../core/usage/cells.ts';
import type { GroupBy, UsageGroup } from '../../core/usage/report.ts';
import { toInstant, toTable } from '../output.ts';

interface ReportedKey {
  readonly keyId: UsageGroup['keyId'] & string;
  readonly keyName: string;
}

/** The usage of one or several keys, in their order. */
export interface UsageSummary {
  readonly fromMs: number;
  readonly toMs: number;
  readonly groupBy: readonly GroupBy[];
  readonly rows: readonly { readonly row: UsageGroup; readonly key: ReportedKey }[];
  readonly total: UsageSums;
  readonly truncated: boolean;
}

interface Line {
  readonly names: Readonly<Record<string, unknown>>;
  readonly sums: UsageSums;
}

/** Joins lines with the same names, such as those of a model that several keys called. */
function linesOf({ rows }: UsageSummary): readonly Line[] {
  const lines = new Map<string, Line>();
  for (const { row, key } of rows) {
    const names = namesOf(row, key);
    const id = JSON.stringify(names);
    const other = lines.get(id);
    lines.set(id, { names, sums: other === undefined ? row : addSums(other.sums, row) });
  }
  return [...lines.values()];
}

/** Formats a report with the field names of `GET /v1/usage`. */
export const toReportJson = (report: UsageSummary) => ({
  from: toInstant(report.fromMs),
  to: toInstant(report.toMs),
  group_by: report.groupBy,
  data: linesOf(report).map(({ names, sums }) => ({ ...names, ...toBody(sums) })),
  total: toBody(report.total),
  truncated: report.truncated,
});

/** A report as it is printed: the names of each line, then its sums. */
export interface PrintedReport {
  readonly groupBy: readonly string[];
  readonly lines: readonly {
    readonly names: readonly string[];
    readonly sums: readonly string[];
  }[];
  readonly total: readonly string[];
  /** Its first and last instant. */
  readonly span: string;
}

const SUMS = [
  'requests',
  'input_tokens',
  'cached_input_tokens',
  'output_tokens',
  'usd',
  'overrun_usd',
] as const;

/** Formats sums as cells. Dollars have all digits, unlike a double. */
const cellsOf = (sums: UsageSums): readonly string[] => [
  ...[sums.requests, sums.inputTokens, sums.cachedInputTokens, sums.outputTokens].map(String),
  toUsdText(sums.costNanoUsd),
  toUsdText(sums.overrunNanoUsd),
];

const NONE = '(none)';

/** Returns a line's name in a column. A user without a name is shown by wallet. */
function nameIn({ names }: Line, column: GroupBy): string {
  const name = names[column];
  if (typeof name === 'string') return name;
  return column === 'user' && typeof names.wallet === 'string' ? `(${names.wallet})` : NONE;
}

/** Prepares the usage of keys. */
export const printedSummary = (report: UsageSummary): PrintedReport => ({
  groupBy: report.groupBy,
  lines: linesOf(report).map((line) => ({
    names: report.groupBy.map((column) => nameIn(line, column)),
    sums: cellsOf(line.sums),
  })),
  total: cellsOf(report.total),
  span: `${toInstant(report.fromMs)} to ${toInstant(report.toMs)}`,
});

/**
 * Prepares the answer of `GET /v1/usage`.
 * @param by the names that were grouped by, separated by commas
 */
export function printedAnswer(answer: JsonObject, by: string): PrintedReport {
  const groupBy = by.split(',');
  const sumsOf = (line: JsonObject) => SUMS.map((name) => String(line[name] ?? 0));
  const lines = Array.isArray(answer.data) ? answer.data.filter(isRecord) : [];
  return {
    groupBy,
    lines: lines.map((line) => ({
      names: groupBy.map((name) => (typeof line[name] === 'string' ? line[name] : NONE)),
      sums: sumsOf(line),
    })),
    total: isRecord(answer.total) ? sumsOf(answer.total) : [],
    span: `${answer.from} to ${answer.to}`,
  };
}

export function toReportTable({ groupBy, lines, total, span }: PrintedReport): string {
  const heading = [...groupBy, 'requests', 'input', 'cached', 'output', 'USD', 'overrun'];
  const label = groupBy.map((_, place) => (place === 0 ? 'total' : ''));
  const rows = [...lines.map(({ names, sums }) => [...names, ...sums]), [...label, ...total]];
  const table = toTable(
    heading.map((name) => name.toUpperCase()),
    rows,
  );
  return `${table}\n\n${span}`;
}

/** Formats a report as CSV (RFC 4180), with line feeds only. */
export function toReportCsv({ groupBy, lines }: PrintedReport): string {
  const rows = lines.map(({ names, sums }) => [...names.map(toSafeCell), ...sums]);
  return [[...groupBy, ...SUMS], ...rows].map(toCsvLine).join('\n');
}
