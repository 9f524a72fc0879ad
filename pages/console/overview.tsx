/** The first view: what was spent, by which model, and who is near a limit. */
import type { ComponentChildren } from 'preact';
import { asNanoUsd } from '../../core/base/money.ts';
import { Button } from '../shared/form.tsx';
import { formatCount, toNano } from '../shared/format.ts';
import { Limits } from '../shared/limits.tsx';
import { Usd } from '../shared/parts.tsx';
import { SpendByModel } from '../shared/spend.tsx';
import { sumUsd } from '../shared/sums.ts';
import type { ConsoleData } from './data.ts';
import type { SetFilters } from './filters.ts';
import { isNear } from './people.tsx';

export function Overview(props: { readonly data: ConsoleData; readonly change: SetFilters }) {
  const { data, change } = props;
  const { info, byModel, people, days } = data;
  const active = people.filter(({ usage_usd: usd }) => usd > 0);
  const held = sumUsd(people.map(({ reserved_usd: usd }) => toNano(usd)));
  const { requests, input_tokens: input, output_tokens: output, usd } = byModel.total;
  const spent = toNano(usd);
  return (
    <>
      <section class="stats num" aria-label="In short">
        <Stat name="Spent" more={`in ${days.length} days`}>
          <Usd amount={spent} />
        </Stat>
        <Stat name="A day" more="on average">
          <Usd amount={asNanoUsd(spent / BigInt(days.length))} />
        </Stat>
        <Stat name="Requests" more={`${formatCount(input + output)} tokens`}>
          {formatCount(requests)}
        </Stat>
        <Stat name="People" more={`of ${formatCount(people.length)} spent`}>
          {formatCount(active.length)}
        </Stat>
        <Stat name="Held now" more="running now">
          <Usd amount={held} />
        </Stat>
        <Stat
          name="Near a limit"
          more={
            <Button
              kind="link small bare"
              onClick={() => change({ view: 'people', group: 'near', order: 'left' })}
            >
              80 % or more
            </Button>
          }
        >
          {formatCount(people.filter(isNear).length)}
        </Stat>
      </section>
      {byModel.truncated && (
        <p class="notice warn">
          There is more than could be read: the sums are too small. Choose fewer days.
        </p>
      )}
      <section class="card">
        <h2>Spend a day, by model</h2>
        <SpendByModel
          lines={byModel.data}
          days={days}
          height={190}
          tokens={{
            'Tokens in': ({ inputTokens }) => inputTokens,
            'Tokens out': ({ outputTokens }) => outputTokens,
          }}
          empty={`Nothing was spent in these ${days.length} days. Hand out a pass, and its use will be here.`}
          scrolls
        />
      </section>
      <Limits title="Limits of the key" limits={info.limits} nowMs={Date.now()} />
    </>
  );
}

const Stat = (props: {
  readonly name: string;
  readonly children: ComponentChildren;
  readonly more: ComponentChildren;
}) => (
  <div class="card stat">
    <span class="small quiet">{props.name}</span>
    <b>{props.children}</b>
    <span class="small quiet">{props.more}</span>
  </div>
);
