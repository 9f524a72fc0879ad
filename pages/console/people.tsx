/** People: who spent what, who is near a limit, who is blocked. 50 at a time, so that 20,000 stay quick. */
import type { UserView } from '../../core/account/views.ts';
import { toUsdText } from '../../core/base/money.ts';
import { type CsvColumns, saveCsv } from '../shared/csv.ts';
import { Button, Choice, Search, Select } from '../shared/form.tsx';
import { formatCount, formatDayAgo, toNano } from '../shared/format.ts';
import { Meter, PersonName, Usd } from '../shared/parts.tsx';
import { type Column, Table } from '../shared/table.tsx';
import { formatAmount, formatLeft, shareLeft, tightestFirst } from '../shared/words.ts';
import { type Filters, GROUPS, ORDERS, type SetFilters } from './filters.ts';
import { PersonActions } from './person-actions.tsx';

const PAGE_ROWS = 50;
const NEAR_PERCENT = 80;

export const isNear = ({ nearest }: UserView): boolean =>
  nearest !== null && nearest.percent >= NEAR_PERCENT;

const IS_IN_GROUP: Readonly<Record<Filters['group'], (person: UserView) => boolean>> = {
  all: () => true,
  near: isNear,
  blocked: ({ blocked }) => blocked !== null,
};

/** People without a limit come last. */
const leftOf = ({ limits }: UserView): number => Math.min(2, ...limits.map(shareLeft));

const COMPARE: Readonly<Record<Filters['order'], (a: UserView, b: UserView) => number>> = {
  spent: (a, b) => b.usage_usd - a.usage_usd,
  left: (a, b) => leftOf(a) - leftOf(b),
  seen: (a, b) => (b.last_seen ?? '').localeCompare(a.last_seen ?? ''),
  refused: (a, b) => b.minutes_refused - a.minutes_refused,
};

function choose(people: readonly UserView[], { find, group, order }: Filters): readonly UserView[] {
  const text = find.toLowerCase();
  return people
    .filter(({ user, email }) => `${user}\n${email ?? ''}`.toLowerCase().includes(text))
    .filter(IS_IN_GROUP[group])
    .toSorted(COMPARE[order]);
}

const nameOf = ({ email, user }: UserView): string => email ?? user;

const COLUMNS: readonly Column<UserView>[] = [
  {
    title: 'Person',
    cell: (person) => <PersonName name={nameOf(person)} person={person} />,
  },
  { title: 'Spent', class: 'right', cell: ({ usage_usd: usd }) => <Usd amount={toNano(usd)} /> },
  { title: 'Left', cell: (person) => <Left person={person} /> },
  {
    title: 'Last seen',
    class: 'wide',
    cell: ({ last_seen: seen }) => (seen === null ? 'never' : formatDayAgo(seen, Date.now())),
  },
  {
    title: 'Minutes refused',
    class: 'right wide',
    cell: ({ minutes_refused: minutes }) => formatCount(minutes),
  },
];

const CSV_COLUMNS: CsvColumns<UserView> = {
  id: ({ id }) => id,
  user: ({ user }) => user,
  email: ({ email }) => email,
  usage_usd: ({ usage_usd: usd }) => toUsdText(toNano(usd)),
  reserved_usd: ({ reserved_usd: usd }) => toUsdText(toNano(usd)),
  nearest_percent: ({ nearest }) => nearest?.percent ?? null,
  last_seen: ({ last_seen: day }) => day,
  minutes_refused: ({ minutes_refused: minutes }) => minutes,
  blocked: ({ blocked }) => blocked,
  note: ({ note }) => note,
};

export function People(props: {
  readonly credential: string;
  readonly people: readonly UserView[];
  readonly filters: Filters;
  readonly change: SetFilters;
  onChanged(person: UserView): void;
}) {
  const { credential, people, filters, change, onChanged } = props;
  const found = choose(people, filters);
  const pages = Math.max(1, Math.ceil(found.length / PAGE_ROWS));
  const page = Math.min(filters.page, pages);
  const shown = found.slice((page - 1) * PAGE_ROWS, page * PAGE_ROWS);
  const nameGroup = (group: Filters['group']): string =>
    `${GROUPS[group]} ${formatCount(people.filter(IS_IN_GROUP[group]).length)}`;
  return (
    <section class="card">
      <div class="row gap">
        <h2 class="flat">People</h2>
        <span class="grow" />
        <Button onClick={() => saveCsv('people.csv', found, CSV_COLUMNS)}>Export CSV</Button>
      </div>
      <div class="row gap">
        <Search
          class="find"
          label="Find a person"
          value={filters.find}
          onText={(find) => change({ find })}
        />
        <Choice
          label="Which people"
          value={filters.group}
          options={{
            all: nameGroup('all'),
            near: nameGroup('near'),
            blocked: nameGroup('blocked'),
          }}
          onChoice={(group) => change({ group })}
        />
        <Select
          class="order"
          label="Order"
          isLabelHidden
          value={filters.order}
          options={ORDERS}
          onChoice={(order) => change({ order })}
        />
      </div>
      <Table
        rows={shown}
        keyOf={({ id }) => id}
        columns={COLUMNS}
        change={{
          nameOf,
          form: (person) => (
            <PersonActions
              credential={credential}
              person={person}
              change={change}
              onChanged={onChanged}
            />
          ),
        }}
      />
      {found.length === 0 && <p class="quiet gap-top">Nobody fits.</p>}
      {pages > 1 && (
        <nav class="row gap-top" aria-label="Pages of the table">
          <Button disabled={page === 1} onClick={() => change({ page: page - 1 })}>
            Before
          </Button>
          <span class="small quiet num">
            {formatCount((page - 1) * PAGE_ROWS + 1)} to{' '}
            {formatCount((page - 1) * PAGE_ROWS + shown.length)} of {formatCount(found.length)}
          </span>
          <Button disabled={page === pages} onClick={() => change({ page: page + 1 })}>
            Next
          </Button>
        </nav>
      )}
    </section>
  );
}

function Left({ person }: { readonly person: UserView }) {
  const [limit] = tightestFirst(person.limits);
  if (limit === undefined) return <span class="small quiet">no limit</span>;
  return (
    <div class="row tight">
      <Meter isThin limit={limit} label={formatLeft(limit)} />
      <span class="small">{formatAmount(limit.unit, limit.remaining)}</span>
    </div>
  );
}
