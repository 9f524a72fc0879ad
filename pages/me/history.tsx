/** The last 30 days: a bar a day, a row a model. */
import type { UsageAnswer } from '../shared/api.ts';
import { lastDays } from '../shared/format.ts';
import { SpendByModel } from '../shared/spend.tsx';

export const HISTORY_DAYS = 30;

export const History = (props: { readonly usage: UsageAnswer; readonly nowMs: number }) => (
  <section class="card noprint">
    <h2>Last {HISTORY_DAYS} days</h2>
    {props.usage.truncated && (
      <p class="small quiet">There is more than could be read; the sums are too small.</p>
    )}
    <SpendByModel
      lines={props.usage.data}
      days={lastDays(HISTORY_DAYS, props.nowMs)}
      height={140}
      tokens={{ Tokens: ({ inputTokens, outputTokens }) => inputTokens + outputTokens }}
      empty="Nothing yet. What you use will be here, by day and by model."
    />
  </section>
);
