/** The last 30 days: a bar a day, a row a model. */
import { asNanoUsd, type NanoUsd, ZERO_USD } from '../../core/base/money.ts';
import type { UsageAnswer, UsageLine } from '../shared/api.ts';
import { formatCount, formatDay, formatUsd, lastDays, toNano } from '../shared/format.ts';
import { Foreign } from '../shared/parts.tsx';

export const HISTORY_DAYS = 30;
const [WIDTH, HEIGHT, LEFT, TOP, BOTTOM] = [560, 150, 52, 12, 122];

interface Sum {
  readonly requests: number;
  readonly tokens: number;
  readonly cost: NanoUsd;
}

/** Sums lines by one of their names. Money is added as nano-dollars. */
function sumBy(lines: readonly UsageLine[], name: 'day' | 'model'): ReadonlyMap<string, Sum> {
  const sums = new Map<string, Sum>();
  for (const line of lines) {
    const key = line[name] ?? 'unknown';
    const { requests, tokens, cost } = sums.get(key) ?? { requests: 0, tokens: 0, cost: ZERO_USD };
    sums.set(key, {
      requests: requests + line.requests,
      tokens: tokens + line.tokens,
      cost: asNanoUsd(cost + toNano(line.usd)),
    });
  }
  return sums;
}

export function History({ usage, nowMs }: { readonly usage: UsageAnswer; readonly nowMs: number }) {
  const models = [...sumBy(usage.data, 'model')].toSorted(([, a], [, b]) =>
    a.cost < b.cost ? 1 : -1,
  );
  if (models.length === 0) {
    return (
      <section class="card noprint">
        <h2>Last {HISTORY_DAYS} days</h2>
        <p class="quiet">Nothing yet. What you use will be here, by day and by model.</p>
      </section>
    );
  }
  return (
    <section class="card noprint">
      <h2>Last {HISTORY_DAYS} days</h2>
      <Bars sums={sumBy(usage.data, 'day')} nowMs={nowMs} />
      {usage.truncated && (
        <p class="small quiet">There is more than could be read; sums are too small.</p>
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
          {models.map(([model, { requests, tokens, cost }]) => (
            <tr key={model}>
              <td class="mono">
                <Foreign>{model}</Foreign>
              </td>
              <td class="right">{formatCount(requests)}</td>
              <td class="right wide">{formatCount(tokens)}</td>
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

function Bars({
  sums,
  nowMs,
}: {
  readonly sums: ReadonlyMap<string, Sum>;
  readonly nowMs: number;
}) {
  const days = lastDays(HISTORY_DAYS, nowMs).map((day) => ({
    day,
    cost: sums.get(day)?.cost ?? ZERO_USD,
  }));
  const most = days.reduce((a, b) => (b.cost > a.cost ? b : a));
  const scale = Number(most.cost) || 1;
  const step = (WIDTH - LEFT) / HISTORY_DAYS;
  const label = `Spend a day; most on ${formatDay(most.day)}, ${formatUsd(most.cost)}`;
  return (
    <svg class="chart" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      <path stroke="var(--line)" d={`M${LEFT} ${TOP}H${WIDTH}M${LEFT} ${BOTTOM}H${WIDTH}`} />
      <text x="0" y={TOP + 4}>
        {formatUsd(most.cost)}
      </text>
      {days.map(({ day, cost }, index) => {
        const height = cost === 0n ? 0 : Math.max(2, (Number(cost) / scale) * (BOTTOM - TOP));
        return (
          <rect
            key={day}
            x={LEFT + index * step + step * 0.15}
            y={BOTTOM - height}
            width={step * 0.7}
            height={height}
            rx="2"
            fill="var(--accent)"
          >
            <title>{`${formatDay(day)}: ${formatUsd(cost)}`}</title>
          </rect>
        );
      })}
      <text x={LEFT} y={HEIGHT - 8}>
        {formatDay(days[0]?.day ?? '')}
      </text>
      <text x={WIDTH} y={HEIGHT - 8} text-anchor="end">
        {formatDay(days.at(-1)?.day ?? '')}
      </text>
    </svg>
  );
}
