/** Conversations: what each of them cost, and whose it was. */
import { useEffect, useState } from 'preact/hooks';
import { toUsdText } from '../../core/base/money.ts';
import { CallError, type UsageAnswer, type UsageLine } from '../shared/api.ts';
import { saveFile, toCsv } from '../shared/csv.ts';
import { formatCount, formatUsd, toNano } from '../shared/format.ts';
import { Foreign, Notice } from '../shared/parts.tsx';
import { loadConversations } from './data.ts';
import type { Filters, SetFilters } from './filters.ts';

const ROWS_MAX = 200;

export function Conversations(props: {
  readonly credential: string;
  readonly filters: Filters;
  readonly change: SetFilters;
}) {
  const { credential, filters, change } = props;
  const [usage, setUsage] = useState<UsageAnswer>();
  const [refusal, setRefusal] = useState<CallError>();
  useEffect(() => {
    setUsage(undefined);
    loadConversations(credential, Number(filters.days)).then(setUsage, (error) =>
      setRefusal(error instanceof CallError ? error : undefined),
    );
  }, [credential, filters.days]);
  const text = filters.find.toLowerCase();
  const found = (usage?.data ?? [])
    .filter(({ conversation }) => typeof conversation === 'string')
    .filter(({ user, conversation }) =>
      `${user ?? ''}\n${conversation}`.toLowerCase().includes(text),
    )
    .toSorted((a, b) => b.usd - a.usd);
  return (
    <section class="card">
      <div class="row gap">
        <h2 class="flat">Conversations</h2>
        <span class="grow" />
        <button
          type="button"
          class="button"
          onClick={() => saveFile('conversations.csv', toConversationsCsv(found))}
        >
          Export CSV
        </button>
      </div>
      <input
        type="search"
        class="find gap"
        placeholder="Find a person or a conversation"
        aria-label="Find a person or a conversation"
        value={filters.find}
        onInput={(event) => change({ find: event.currentTarget.value })}
      />
      {refusal && <Notice state={{ title: 'They could not be read.', next: refusal.message }} />}
      {usage?.truncated && (
        <p class="small quiet">There is more than could be read. Choose fewer days.</p>
      )}
      {usage !== undefined && found.length === 0 ? (
        <p class="quiet">
          None. A client names a conversation by the header X-Conversation-Id; coding agents do so
          by themselves.
        </p>
      ) : (
        <table>
          <thead>
            <tr>
              <th>Conversation</th>
              <th>Person</th>
              <th class="right wide">Requests</th>
              <th class="right">Spent</th>
            </tr>
          </thead>
          <tbody class="num">
            {found.slice(0, ROWS_MAX).map((line) => (
              <tr key={`${line.wallet} ${line.conversation}`}>
                <td class="mono">
                  <Foreign>{line.conversation ?? ''}</Foreign>
                </td>
                <td class="foreign">
                  <Foreign>{line.user ?? ''}</Foreign>
                </td>
                <td class="right wide">{formatCount(line.requests)}</td>
                <td class="right">{formatUsd(toNano(line.usd))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {found.length > ROWS_MAX && (
        <p class="small quiet">
          The dearest {ROWS_MAX} of {formatCount(found.length)}. The export has all.
        </p>
      )}
    </section>
  );
}

const toConversationsCsv = (lines: readonly UsageLine[]): string =>
  toCsv([
    ['conversation', 'user', 'requests', 'input_tokens', 'output_tokens', 'usd'],
    ...lines.map((line) => [
      line.conversation ?? '',
      line.user ?? '',
      String(line.requests),
      String(line.input_tokens),
      String(line.output_tokens),
      toUsdText(toNano(line.usd)),
    ]),
  ]);
