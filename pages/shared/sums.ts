/**
 * Sums of a usage report's lines. Money is added as nano-dollars, so that a page shows what `hallpass usage` shows.
 */
import { asNanoUsd, type NanoUsd, ZERO_USD } from '../../core/base/money.ts';
import type { UsageLine } from './api.ts';
import { SERIES_MAX, type Series } from './chart.tsx';
import { toNano } from './format.ts';

export interface Sum {
  readonly name: string;
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cost: NanoUsd;
}

const NAMELESS = 'unknown';

/** A name of a line. */
export type NameOf = (line: UsageLine) => string | null | undefined;

export const modelOf: NameOf = ({ model }) => model;

/** Sums lines by a name of theirs, dearest first. */
export function sumBy(lines: readonly UsageLine[], nameOf: NameOf): readonly Sum[] {
  const sums = new Map<string, Sum>();
  for (const line of lines) {
    const name = nameOf(line) ?? NAMELESS;
    const sum = sums.get(name);
    sums.set(name, {
      name,
      requests: (sum?.requests ?? 0) + line.requests,
      inputTokens: (sum?.inputTokens ?? 0) + line.input_tokens,
      outputTokens: (sum?.outputTokens ?? 0) + line.output_tokens,
      cost: asNanoUsd((sum?.cost ?? 0n) + toNano(line.usd)),
    });
  }
  return [...sums.values()].toSorted((a, b) => (a.cost < b.cost ? 1 : -1));
}

/** Makes one series a name, dearest first; names beyond the last colour share one. */
export function seriesBy(
  lines: readonly UsageLine[],
  days: readonly string[],
  nameOf: NameOf,
): readonly Series[] {
  const all = sumBy(lines, nameOf).map(({ name }) => name);
  const shown = all.length > SERIES_MAX ? all.slice(0, SERIES_MAX - 1) : all;
  const names = all.length > shown.length ? [...shown, 'all others'] : shown;
  const costs = names.map(() => days.map((): NanoUsd => ZERO_USD));
  const dayIndex = new Map(days.map((day, index) => [day, index]));
  const colorOf = new Map(shown.map((name, index) => [name, index]));
  for (const line of lines) {
    const { day = '', usd } = line;
    const row = costs[colorOf.get(nameOf(line) ?? NAMELESS) ?? names.length - 1];
    const index = dayIndex.get(day);
    if (row === undefined || index === undefined) continue;
    row[index] = asNanoUsd((row[index] ?? 0n) + toNano(usd));
  }
  return names.map((name, index) => ({ name, costs: costs[index] ?? [] }));
}
