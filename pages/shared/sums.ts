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

/** Sums lines by a name of theirs, dearest first. */
export function sumBy(
  lines: readonly UsageLine[],
  nameOf: (line: UsageLine) => string | null | undefined,
): readonly Sum[] {
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

/** Makes one series a model, dearest first; models beyond the last colour share one. */
export function seriesByModel(
  lines: readonly UsageLine[],
  days: readonly string[],
): readonly Series[] {
  const models = sumBy(lines, ({ model }) => model).map(({ name }) => name);
  const shown = models.length > SERIES_MAX ? models.slice(0, SERIES_MAX - 1) : models;
  const names = models.length > shown.length ? [...shown, 'other models'] : shown;
  const costs = names.map(() => days.map((): NanoUsd => ZERO_USD));
  const dayIndex = new Map(days.map((day, index) => [day, index]));
  const colorOf = new Map(shown.map((name, index) => [name, index]));
  for (const { day = '', model, usd } of lines) {
    const row = costs[colorOf.get(model ?? NAMELESS) ?? names.length - 1];
    const index = dayIndex.get(day);
    if (row === undefined || index === undefined) continue;
    row[index] = asNanoUsd((row[index] ?? 0n) + toNano(usd));
  }
  return names.map((name, index) => ({ name, costs: costs[index] ?? [] }));
}
