/** Conversations: what each of them cost, and whose it was. */
import { toUsdText } from '../../core/base/money.ts';
import type { UsageLine } from '../shared/api.ts';
import { type CsvColumns, saveCsv } from '../shared/csv.ts';
import { Button, Search } from '../shared/form.tsx';
import { formatCount, toNano } from '../shared/format.ts';
import { useLoaded } from '../shared/hooks.tsx';
import { Foreign, Notice, Usd } from '../shared/parts.tsx';
import { type Column, Table } from '../shared/table.tsx';
import { loadConversations } from './data.ts';
import type { Filters, SetFilters } from './filters.ts';

const ROWS_MAX = 200;

const COLUMNS: readonly Column<UsageLine>[] = [
  {
    title: 'Conversation',
    cell: ({ conversation }) => <Foreign class="mono">{conversation ?? ''}</Foreign>,
  },
  { title: 'Person', cell: ({ user }) => <Foreign>{user ?? ''}</Foreign> },
  { title: 'Requests', class: 'right wide', cell: ({ requests }) => formatCount(requests) },
  { title: 'Spent', class: 'right', cell: ({ usd }) => <Usd amount={toNano(usd)} /> },
];

const CSV_COLUMNS: CsvColumns<UsageLine> = {
  conversation: ({ conversation }) => conversation ?? null,
  user: ({ user }) => user ?? null,
  requests: ({ requests }) => requests,
  input_tokens: ({ input_tokens: tokens }) => tokens,
  output_tokens: ({ output_tokens: tokens }) => tokens,
  usd: ({ usd }) => toUsdText(toNano(usd)),
};

export function Conversations(props: {
  readonly credential: string;
  readonly filters: Filters;
  readonly change: SetFilters;
}) {
  const { credential, filters, change } = props;
  const { days } = filters;
  const { value: usage, error } = useLoaded(
    () => loadConversations(credential, Number(days)),
    [credential, days],
  );
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
        <Button onClick={() => saveCsv('conversations.csv', found, CSV_COLUMNS)}>Export CSV</Button>
      </div>
      <Search
        class="find gap"
        label="Find a person or a conversation"
        value={filters.find}
        onText={(find) => change({ find })}
      />
      {error && <Notice state={{ title: 'They could not be read.', next: error.message }} />}
      {usage?.truncated && (
        <p class="small quiet">There is more than could be read. Choose fewer days.</p>
      )}
      {usage !== undefined && found.length === 0 ? (
        <p class="quiet">
          None. A client names a conversation by the header X-Conversation-Id; coding agents do so
          by themselves.
        </p>
      ) : (
        <Table
          rows={found.slice(0, ROWS_MAX)}
          keyOf={({ wallet, conversation }) => `${wallet} ${conversation}`}
          columns={COLUMNS}
        />
      )}
      {found.length > ROWS_MAX && (
        <p class="small quiet">
          The dearest {ROWS_MAX} of {formatCount(found.length)}. The export has all.
        </p>
      )}
    </section>
  );
}
