/** The last 30 days: a bar a day, a row a model. */
import type { UsageAnswer } from '../shared/api.ts';
import { StackedBars } from '../shared/chart.tsx';
import { formatCount, formatUsd, lastDays } from '../shared/format.ts';
import { Foreign } from '../shared/parts.tsx';
import { modelOf, seriesBy, sumBy } from '../shared/sums.ts';

export const HISTORY_DAYS = 30;

export function History({ usage, nowMs }: { readonly usage: UsageAnswer; readonly nowMs: number }) {
  const models = sumBy(usage.data, modelOf);
  const days = lastDays(HISTORY_DAYS, nowMs);
  if (models.length === 0) {
    return (
      <section class="card noprint">
        <h2>Last {HISTORY_DAYS} days</h2>
        <p class="quiet">Nothing yet. What you use will be here, by day and by model.</p>
      </section>
    );
  }
  const colorOf = new Map(
    seriesBy(usage.data, days, modelOf).map(({ name }, index) => [name, index] as const),
  );
  return (
    <section class="card noprint">
      <h2>Last {HISTORY_DAYS} days</h2>
      <StackedBars days={days} series={seriesBy(usage.data, days, modelOf)} height={140} />
      {usage.truncated && (
        <p class="small quiet">There is more than could be read; the sums are too small.</p>
      )}
      <table class="gap-top">
        <thead>
          <tr>
            <th>Model</th>
            <th class="right">Requests</th>
            <th class="right wide">Tokens</th>
            <th class="right">Spent</th>
          </tr>
        </thead>
        <tbody class="num">
          {models.map(({ name, requests, inputTokens, outputTokens, cost }) => (
            <tr key={name}>
              <td class="mono">
                <i class={`swatch c${colorOf.get(name) ?? colorOf.size - 1}`} />
                <Foreign>{name}</Foreign>
              </td>
              <td class="right">{formatCount(requests)}</td>
              <td class="right wide">{formatCount(inputTokens + outputTokens)}</td>
              <td class="right" data-nano={String(cost)}>
                {formatUsd(cost)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
