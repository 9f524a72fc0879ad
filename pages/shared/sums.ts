/**
 * Sums of a usage report's lines. Money is added as nano-dollars, so that a page shows what `hallpass usage` shows.
 */
import { asNanoUsd, type NanoUsd } from '../../core/base/money.ts';
import type { UsageLine } from './api.ts';
import { toNano } from './format.ts';

export interface Sum {
  readonly name: string;
  readonly lines: readonly UsageLine[];
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cost: NanoUsd;
}

/** One part of every bar of a chart. */
export interface Series {
  readonly name: string;
  /** One amount a day. */
  readonly costs: readonly NanoUsd[];
}

/** Colours that differ in lightness too; the style sheet has one for each. */
const SERIES_MAX = 6;

const NAMELESS = 'unknown';

/** A name of a line. */
export type NameOf = (line: UsageLine) => string | null | undefined;

export const modelOf: NameOf = ({ model }) => model;
export const keyOf: NameOf = ({ key }) => key;

export const sumUsd = (amounts: readonly NanoUsd[]): NanoUsd =>
  asNanoUsd(amounts.reduce((sum, amount) => sum + amount, 0n));

const costOf = (lines: readonly UsageLine[] = []): NanoUsd =>
  sumUsd(lines.map(({ usd }) => toNano(usd)));

const count = (lines: readonly UsageLine[], of: 'requests' | 'input_tokens' | 'output_tokens') =>
  lines.reduce((sum, line) => sum + line[of], 0);

/** Sums lines by a name of theirs, dearest first. */
export const sumBy = (lines: readonly UsageLine[], nameOf: NameOf): readonly Sum[] =>
  [...Map.groupBy(lines, (line) => nameOf(line) ?? NAMELESS)]
    .map(([name, group]) => ({
      name,
      lines: group,
      requests: count(group, 'requests'),
      inputTokens: count(group, 'input_tokens'),
      outputTokens: count(group, 'output_tokens'),
      cost: costOf(group),
    }))
    .toSorted((a, b) => (a.cost < b.cost ? 1 : -1));

/** Makes a series of each sum, in their order; those beyond the last colour share one. */
export function toSeries(sums: readonly Sum[], days: readonly string[]): readonly Series[] {
  const shown = sums.length > SERIES_MAX ? SERIES_MAX - 1 : sums.length;
  const parts = sums.slice(0, shown).map(({ name, lines }) => ({ name, lines }));
  const others = sums.slice(shown).flatMap(({ lines }) => lines);
  if (others.length > 0) parts.push({ name: 'all others', lines: others });
  return parts.map(({ name, lines }) => {
    const byDay = Map.groupBy(lines, ({ day }) => day);
    return { name, costs: days.map((day) => costOf(byDay.get(day))) };
  });
}
