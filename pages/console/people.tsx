/** People: who spent what, who is near a limit, who is blocked. 50 at a time, so that 20,000 stay quick. */
import { useState } from 'preact/hooks';
import type { UserView } from '../../core/account/views.ts';
import { toUsdText } from '../../core/base/money.ts';
import { saveFile, toCsv } from '../shared/csv.ts';
import { formatAgo, formatCount, formatUsd, toNano } from '../shared/format.ts';
import { Choice, Foreign, Meter } from '../shared/parts.tsx';
import { formatAmount, formatLeft, shareLeft, spentOf, tightestFirst } from '../shared/words.ts';
import { type Filters, GROUPS, type Order, type SetFilters } from './filters.ts';
import { PersonActions } from './person-actions.tsx';

const PAGE_ROWS = 50;
const NEAR_PERCENT = 80;

export const isNear = ({ nearest }: UserView): boolean =>
  nearest !== null && nearest.percent >= NEAR_PERCENT;

interface PeopleProps {
  readonly credential: string;
  readonly people: readonly UserView[];
  readonly filters: Filters;
  readonly change: SetFilters;
  onChanged(person: UserView): void;
}

const tightest = ({ limits }: UserView) => tightestFirst(limits)[0];
const leftOf = (person: UserView): number => {
  const limit = tightest(person);
  return limit === undefined ? 2 : shareLeft(limit);
};

const COMPARE: Readonly<Record<Order, (a: UserView, b: UserView) => number>> = {
  spent: (a, b) => b.usage_usd - a.usage_usd,
  left: (a, b) => leftOf(a) - leftOf(b),
  seen: (a, b) => (b.last_seen ?? '').localeCompare(a.last_seen ?? ''),
  refused: (a, b) => b.minutes_refused - a.minutes_refused,
};

function choose(people: readonly UserView[], { find, group, order }: Filters): readonly UserView[] {
  const text = find.toLowerCase();
  return people
    .filter(({ user, email }) => `${user}\n${email ?? ''}`.toLowerCase().includes(text))
    .filter((person) => group !== 'near' || isNear(person))
    .filter(({ blocked }) => group !== 'blocked' || blocked !== null)
    .toSorted(COMPARE[order]);
}

export function People(props: PeopleProps) {
  const { people, filters, change } = props;
  const [chosenId, setChosenId] = useState<string>();
  const found = choose(people, filters);
  const pages = Math.max(1, Math.ceil(found.length / PAGE_ROWS));
  const page = Math.min(filters.page, pages);
  const shown = found.slice((page - 1) * PAGE_ROWS, page * PAGE_ROWS);
  const counts = {
    all: people.length,
    near: people.filter(isNear).length,
    blocked: people.filter(({ blocked }) => blocked !== null).length,
  };
  const names = { all: 'All', near: 'Near a limit', blocked: 'Blocked' };
  return (
    <section class="card">
      <div class="row gap">
        <h2 class="flat">People</h2>
        <span class="grow" />
        <button
          type="button"
          class="button"
          onClick={() => saveFile('people.csv', toPeopleCsv(found))}
        >
          Export CSV
        </button>
      </div>
      <div class="row gap">
        <input
          type="search"
          class="find"
          placeholder="Find a person"
          aria-label="Find a person"
          value={filters.find}
          onInput={(event) => change({ find: event.currentTarget.value })}
        />
        <Choice
          class="segmented"
          label="Which people"
          value={filters.group}
          options={GROUPS.map(
            (group) => [group, `${names[group]} ${formatCount(counts[group])}`] as const,
          )}
          onChange={(group) => change({ group })}
        />
        <OrderSelect order={filters.order} change={change} />
      </div>
      <table>
        <thead>
          <tr>
            <th>Person</th>
            <th class="right">Spent</th>
            <th>Left</th>
            <th class="wide">Last seen</th>
            <th class="right wide">Minutes refused</th>
            <th>
              <span class="hidden">Change</span>
            </th>
          </tr>
        </thead>
        <tbody class="num">
          {shown.map((person) => (
            <Row
              key={person.id}
              {...props}
              person={person}
              isOpen={person.id === chosenId}
              toggle={() => setChosenId(person.id === chosenId ? undefined : person.id)}
            />
          ))}
        </tbody>
      </table>
      {found.length === 0 && <p class="quiet gap-top">Nobody fits.</p>}
      {pages > 1 && (
        <nav class="row gap-top" aria-label="Pages of the table">
          <button
            type="button"
            class="button"
            disabled={page === 1}
            onClick={() => change({ page: page - 1 })}
          >
            Before
          </button>
          <span class="small quiet num">
            {formatCount((page - 1) * PAGE_ROWS + 1)} to{' '}
            {formatCount((page - 1) * PAGE_ROWS + shown.length)} of {formatCount(found.length)}
          </span>
          <button
            type="button"
            class="button"
            disabled={page === pages}
            onClick={() => change({ page: page + 1 })}
          >
            Next
          </button>
        </nav>
      )}
    </section>
  );
}

const OrderSelect = ({ order, change }: { readonly order: Order; readonly change: SetFilters }) => (
  <select
    class="order"
    aria-label="Order"
    value={order}
    onChange={(event) => change({ order: event.currentTarget.value as Order })}
  >
    <option value="spent">Most spent first</option>
    <option value="left">Least left first</option>
    <option value="seen">Seen last first</option>
    <option value="refused">Most refused first</option>
  </select>
);

function Row(
  props: PeopleProps & { readonly person: UserView; readonly isOpen: boolean; toggle(): void },
) {
  const { person, isOpen, toggle } = props;
  const {
    user,
    email,
    usage_usd: usd,
    blocked,
    note,
    last_seen: seen,
    minutes_refused: refused,
  } = person;
  const cost = toNano(usd);
  return (
    <>
      <tr>
        <td>
          <Foreign>{email ?? user}</Foreign>{' '}
          {blocked !== null && <span class="chip bad">blocked</span>}
          {(blocked ?? note) !== null && (
            <div class="small quiet">
              <Foreign>{blocked ?? note ?? ''}</Foreign>
            </div>
          )}
        </td>
        <td class="right" data-nano={String(cost)}>
          {formatUsd(cost)}
        </td>
        <td>
          <Left person={person} />
        </td>
        <td class="wide">{seen === null ? 'never' : formatAgo(Date.parse(seen), Date.now())}</td>
        <td class="right wide">{formatCount(refused)}</td>
        <td class="right">
          <button
            type="button"
            class="button link small"
            aria-expanded={isOpen}
            aria-label={`Change ${email ?? user}`}
            onClick={toggle}
          >
            Change
          </button>
        </td>
      </tr>
      {isOpen && (
        <tr>
          <td colSpan={6}>
            <PersonActions {...props} />
          </td>
        </tr>
      )}
    </>
  );
}

function Left({ person }: { readonly person: UserView }) {
  const limit = tightest(person);
  if (limit === undefined) return <span class="small quiet">no limit</span>;
  const { unit, reserved, remaining } = limit;
  return (
    <div class="row tight">
      <Meter
        isThin
        spent={spentOf(limit)}
        held={reserved}
        limit={limit.limit}
        label={formatLeft(limit)}
      />
      <span class="small">{formatAmount(unit, remaining)}</span>
    </div>
  );
}

const toPeopleCsv = (people: readonly UserView[]): string =>
  toCsv([
    [
      'id',
      'user',
      'email',
      'usage_usd',
      'reserved_usd',
      'nearest_percent',
      'last_seen',
      'minutes_refused',
      'blocked',
      'note',
    ],
    ...people.map((person) => [
      person.id,
      person.user,
      person.email ?? '',
      toUsdText(toNano(person.usage_usd)),
      toUsdText(toNano(person.reserved_usd)),
      person.nearest === null ? '' : String(person.nearest.percent),
      person.last_seen ?? '',
      String(person.minutes_refused),
      person.blocked ?? '',
      person.note ?? '',
    ]),
  ]);
