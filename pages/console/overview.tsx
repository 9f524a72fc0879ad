/** The first view: what was spent, by which model, and who is near a limit. */
import { asNanoUsd } from '../../core/base/money.ts';
import { StackedBars } from '../shared/chart.tsx';
import { formatCount, formatUsd, toNano } from '../shared/format.ts';
import { Limits } from '../shared/limits.tsx';
import { Foreign } from '../shared/parts.tsx';
import { modelOf, seriesBy, sumBy } from '../shared/sums.ts';
import type { ConsoleData } from './data.ts';
import type { SetFilters } from './filters.ts';
import { isNear } from './people.tsx';

export function Overview({
  data,
  change,
}: {
  readonly data: ConsoleData;
  readonly change: SetFilters;
}) {
  const { info, byModel, people, days } = data;
  const near = people.filter(isNear).length;
  const held = people.reduce((sum, { reserved_usd: usd }) => sum + toNano(usd), 0n);
  const active = people.filter(({ usage_usd: usd }) => usd > 0).length;
  const { requests, input_tokens: input, output_tokens: output, usd } = byModel.total;
  const spent = toNano(usd);
  return (
    <>
      <section class="stats num" aria-label="In short">
        <Stat name="Spent" value={formatUsd(spent)} nano={spent} more={`in ${days.length} days`} />
        <Stat
          name="A day"
          value={formatUsd(asNanoUsd(spent / BigInt(days.length)))}
          more="on average"
        />
        <Stat
          name="Requests"
          value={formatCount(requests)}
          more={`${formatCount(input + output)} tokens`}
        />
        <Stat
          name="People"
          value={formatCount(active)}
          more={`of ${formatCount(people.length)} spent`}
        />
        <Stat name="Held now" value={formatUsd(asNanoUsd(held))} more="running now" />
        <Stat
          name="Near a limit"
          value={formatCount(near)}
          more={
            <button
              type="button"
              class="button link small bare"
              onClick={() => change({ view: 'people', group: 'near', order: 'left' })}
            >
              80 % or more
            </button>
          }
        />
      </section>
      {byModel.truncated && (
        <p class="notice warn">
          There is more than could be read: the sums are too small. Choose fewer days.
        </p>
      )}
      <Spend data={data} />
      <Limits title="Limits of the key" limits={info.limits} nowMs={Date.now()} />
    </>
  );
}

const Stat = (props: {
  readonly name: string;
  readonly value: string;
  readonly nano?: bigint;
  readonly more: preact.ComponentChildren;
}) => (
  <div class="stat">
    <span class="small quiet">{props.name}</span>
    <b data-nano={props.nano === undefined ? undefined : String(props.nano)}>{props.value}</b>
    <span class="small quiet">{props.more}</span>
  </div>
);

function Spend({ data: { byModel, days } }: { readonly data: ConsoleData }) {
  const models = sumBy(byModel.data, modelOf);
  if (models.length === 0) {
    return (
      <section class="card">
        <h2>Spend a day, by model</h2>
        <p class="quiet">
          Nothing was spent in these {days.length} days. Hand out a pass, and its use will be here.
        </p>
      </section>
    );
  }
  const series = seriesBy(byModel.data, days, modelOf);
  const colorOf = new Map(series.map(({ name }, index) => [name, index]));
  return (
    <section class="card">
      <h2>Spend a day, by model</h2>
      <StackedBars days={days} series={series} height={190} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a narrow table scrolls, also by keyboard */}
      <div class="scroll" tabIndex={0}>
        <table class="gap-top">
          <thead>
            <tr>
              <th>Model</th>
              <th class="right">Requests</th>
              <th class="right wide">Tokens in</th>
              <th class="right wide">Tokens out</th>
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
                <td class="right wide">{formatCount(inputTokens)}</td>
                <td class="right wide">{formatCount(outputTokens)}</td>
                <td class="right" data-nano={String(cost)}>
                  {formatUsd(cost)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
