/** Spend by model: a chart with a bar a day, and a table with a row a model. */
import type { UsageLine } from './api.ts';
import { StackedBars, Swatch } from './chart.tsx';
import { formatCount } from './format.ts';
import { Foreign, Usd } from './parts.tsx';
import { modelOf, type Sum, sumBy, toSeries } from './sums.ts';
import { Table } from './table.tsx';

export function SpendByModel(props: {
  readonly lines: readonly UsageLine[];
  readonly days: readonly string[];
  /** The height of the chart, in pixels. */
  readonly height: number;
  /** The columns of tokens: their titles, and the figures. */
  readonly tokens: Readonly<Record<string, (sum: Sum) => number>>;
  /** The text where nothing was spent. */
  readonly empty: string;
  readonly scrolls?: boolean | undefined;
}) {
  const { lines, days, height, tokens, empty, scrolls } = props;
  const sums = sumBy(lines, modelOf);
  if (sums.length === 0) return <p class="quiet">{empty}</p>;
  const series = toSeries(sums, days);
  return (
    <>
      <StackedBars days={days} series={series} height={height} />
      <Table
        class="gap-top"
        scrolls={scrolls}
        rows={sums}
        keyOf={({ name }) => name}
        columns={[
          {
            title: 'Model',
            cell: (sum) => (
              <>
                <Swatch color={Math.min(sums.indexOf(sum), series.length - 1)} />
                <Foreign class="mono">{sum.name}</Foreign>
              </>
            ),
          },
          { title: 'Requests', class: 'right', cell: ({ requests }) => formatCount(requests) },
          ...Object.entries(tokens).map(([title, countOf]) => ({
            title,
            class: 'right wide',
            cell: (sum: Sum) => formatCount(countOf(sum)),
          })),
          { title: 'Spent', class: 'right', cell: ({ cost }) => <Usd amount={cost} /> },
        ]}
      />
    </>
  );
}
