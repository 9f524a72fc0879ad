/**
 * Spend a day as stacked bars. SVG follows light and dark by itself, and a bar says its figures where a pointer rests.
 */
import { asNanoUsd, type NanoUsd, ZERO_USD } from '../../core/base/money.ts';
import { formatDay, formatUsd } from './format.ts';

/** One part of every bar, from the bottom up. */
export interface Series {
  readonly name: string;
  /** One amount a day. */
  readonly costs: readonly NanoUsd[];
}

/** Colours that differ in lightness too; the style sheet has one for each. */
export const SERIES_MAX = 6;

const WIDTH = 900;
const LEFT = 84;
const TOP = 24;
const LABELS_HEIGHT = 28;
const BAR_SHARE = 0.7;

export function StackedBars(props: {
  readonly days: readonly string[];
  readonly series: readonly Series[];
  readonly height: number;
}) {
  const { days, series, height } = props;
  const totals = days.map((_, day) => sumOf(series.map(({ costs }) => costs[day] ?? ZERO_USD)));
  const most = totals.reduce((a, b) => (b > a ? b : a), ZERO_USD);
  const mostDay = days[totals.indexOf(most)] ?? '';
  const bottom = height - LABELS_HEIGHT;
  const scale = (bottom - TOP) / (Number(most) || 1);
  const step = (WIDTH - LEFT) / days.length;
  const label = `Spend a day; most on ${formatDay(mostDay)}, ${formatUsd(most)}`;
  return (
    <svg class="chart" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={label}>
      <path
        stroke="var(--line)"
        d={[TOP, (TOP + bottom) / 2, bottom].map((y) => `M${LEFT} ${y}H${WIDTH}`).join('')}
      />
      <text x="0" y={TOP + 5}>
        {formatUsd(most)}
      </text>
      <text x="0" y={(TOP + bottom) / 2 + 5}>
        {formatUsd(asNanoUsd(most / 2n))}
      </text>
      {days.map((day, index) => (
        <g key={day}>
          <title>{titleOf(day, series, index)}</title>
          {toParts(series, index).map(({ color, from, to }) => (
            <rect
              key={color}
              class={`c${color}`}
              x={LEFT + step * (index + (1 - BAR_SHARE) / 2)}
              width={step * BAR_SHARE}
              y={bottom - Number(to) * scale}
              height={Math.max(1, Number(to - from) * scale)}
            />
          ))}
        </g>
      ))}
      <text x={LEFT} y={height - 6}>
        {formatDay(days[0] ?? '')}
      </text>
      <text x={WIDTH} y={height - 6} text-anchor="end">
        {formatDay(days.at(-1) ?? '')}
      </text>
    </svg>
  );
}

const sumOf = (amounts: readonly NanoUsd[]): NanoUsd =>
  asNanoUsd(amounts.reduce<bigint>((sum, amount) => sum + amount, 0n));

/** Returns the parts of a day's bar, without empty ones. */
function toParts(series: readonly Series[], day: number) {
  let below = 0n;
  return series.flatMap(({ costs }, color) => {
    const from = below;
    below += costs[day] ?? 0n;
    return below === from ? [] : [{ color, from, to: below }];
  });
}

function titleOf(day: string, series: readonly Series[], index: number): string {
  const lines = series.map(({ name, costs }) => `${name} ${formatUsd(costs[index] ?? ZERO_USD)}`);
  return [formatDay(day), ...lines].join('\n');
}
