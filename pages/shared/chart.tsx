/**
 * Spend a day as stacked bars. SVG follows light and dark by itself, and a bar says its figures where a pointer rests.
 */
import { asNanoUsd, ZERO_USD } from '../../core/base/money.ts';
import { formatDay, formatUsd } from './format.ts';
import { type Series, sumUsd } from './sums.ts';

/** The drawing is stretched to its box, so that its labels keep the size of text. */
const HEIGHT = 100;
const BAR_HEIGHT_MIN = 0.7;
const BAR_SHARE = 0.7;

/** The colour of a series. */
const colorOf = (index: number): string => `var(--c${index})`;

export const Swatch = ({ color }: { readonly color: number }) => (
  <i class="swatch" style={{ background: colorOf(color) }} />
);

/** Draws a bar a day. The first series is at the bottom. */
export function StackedBars(props: {
  readonly days: readonly string[];
  readonly series: readonly Series[];
  /** In pixels. */
  readonly height: number;
}) {
  const { days, series, height } = props;
  const totals = days.map((_, day) => sumUsd(series.map(({ costs }) => costs[day] ?? ZERO_USD)));
  const most = totals.reduce((a, b) => (b > a ? b : a), ZERO_USD);
  const mostDay = days[totals.indexOf(most)] ?? '';
  const scale = HEIGHT / (Number(most) || 1);
  const label = `Spend a day; most on ${formatDay(mostDay)}, ${formatUsd(most)}`;
  return (
    <div class="chart num">
      <div class="scale">
        <span>{formatUsd(most)}</span>
        <span>{formatUsd(asNanoUsd(most / 2n))}</span>
        <span>{'\u00a0'}</span>
      </div>
      <svg
        viewBox={`0 0 ${days.length} ${HEIGHT}`}
        preserveAspectRatio="none"
        height={height}
        role="img"
        aria-label={label}
      >
        <path
          stroke="var(--line)"
          vector-effect="non-scaling-stroke"
          d={[0, HEIGHT / 2, HEIGHT].map((y) => `M0 ${y}H${days.length}`).join('')}
        />
        {days.map((day, index) => (
          <g key={day}>
            <title>{titleOf(day, series, index)}</title>
            {toParts(series, index).map(({ color, from, to }) => (
              <rect
                key={color}
                style={{ fill: colorOf(color) }}
                x={index + (1 - BAR_SHARE) / 2}
                width={BAR_SHARE}
                y={HEIGHT - Number(to) * scale}
                height={Math.max(BAR_HEIGHT_MIN, Number(to - from) * scale)}
              />
            ))}
          </g>
        ))}
      </svg>
      <span class="from">{formatDay(days[0] ?? '')}</span>
      <span class="to">{formatDay(days.at(-1) ?? '')}</span>
    </div>
  );
}

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
