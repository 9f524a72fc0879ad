/**
 * The page of `hallpass console`: all keys of an account, for its operator.
 *
 * Guarantees: the session is in memory alone; the link that opened it works once.
 */
import { useState } from 'preact/hooks';
import { ZERO_USD } from '../../core/base/money.ts';
import { StackedBars, Swatch } from '../shared/chart.tsx';
import { takeFragment } from '../shared/credential.ts';
import { Button, Choice } from '../shared/form.tsx';
import { DAYS, formatCount, lastDays } from '../shared/format.ts';
import { useLoaded } from '../shared/hooks.tsx';
import { Foreign, mount, Notice, Usd } from '../shared/parts.tsx';
import { keyOf, modelOf, sumBy, sumUsd, toSeries } from '../shared/sums.ts';
import { type Column, Table } from '../shared/table.tsx';
import { ChangeKey } from './change-key.tsx';
import { ask, type KeyRow, type KeyUsage, openSession, type UserOfKey } from './data.ts';
import { MakeKey } from './make-key.tsx';
import { KeyPeople, NearLimit } from './people.tsx';

const { text: code } = takeFragment();
const NAMES_OF = { key: keyOf, model: modelOf };

function Page() {
  const { value: bearer, error } = useLoaded(() => openSession(code), []);
  if (bearer !== undefined) return <Console bearer={bearer} />;
  return (
    <main class="narrow">
      <h1>All keys</h1>
      {error === undefined ? (
        <p role="status">Opening…</p>
      ) : (
        <Notice
          state={{
            title: 'This link was used, or is too old.',
            next: 'It works once, within 60 seconds, and a reload ends the session. Run hallpass console again.',
          }}
        />
      )}
    </main>
  );
}

async function loadKeys(bearer: string, days: string) {
  const [{ data: keys }, usage] = await Promise.all([
    ask<{ data: readonly KeyRow[] }>(bearer, 'keys'),
    ask<KeyUsage>(bearer, `usage?days=${days}`),
  ]);
  return { keys, usage, days: lastDays(Number(days), Date.now()) };
}

function Console({ bearer }: { readonly bearer: string }) {
  const [days, setDays] = useState<keyof typeof DAYS>('30');
  const [changed, setChanged] = useState<UserOfKey>();
  const { value, error, revision, reload } = useLoaded(
    () => loadKeys(bearer, days),
    [bearer, days],
  );
  const people = { bearer, revision, changed, onChanged: setChanged };
  return (
    <main>
      <div class="row">
        <h1 class="name">All keys</h1>
        <span class="grow" />
        <Choice label="Days" value={days} options={DAYS} onChoice={setDays} />
        <Button onClick={reload}>Refresh</Button>
      </div>
      {error && (
        <Notice
          state={{
            title: 'The command does not answer.',
            next: 'It may have ended. Run hallpass console again.',
          }}
        />
      )}
      {value !== undefined && (
        <>
          <Spend usage={value.usage} days={value.days} />
          <NearLimit {...people} />
          <section class="card">
            <h2>Keys</h2>
            <Table
              rows={value.keys}
              keyOf={({ name }) => name}
              columns={columnsOf(value.usage)}
              change={{
                nameOf: ({ name }) => name,
                form: (row) => (
                  <>
                    <ChangeKey bearer={bearer} row={row} onChanged={reload} />
                    <KeyPeople {...people} name={row.name} />
                  </>
                ),
              }}
              scrolls
            />
          </section>
          <MakeKey bearer={bearer} onChanged={reload} />
        </>
      )}
    </main>
  );
}

function Spend(props: { readonly usage: KeyUsage; readonly days: readonly string[] }) {
  const { usage, days } = props;
  const [by, setBy] = useState<keyof typeof NAMES_OF>('key');
  const sums = sumBy(usage.data, NAMES_OF[by]);
  const requests = sums.reduce((sum, each) => sum + each.requests, 0);
  const series = toSeries(sums, days);
  return (
    <section class="card">
      <div class="row gap">
        <h2 class="flat">
          <Usd amount={sumUsd(sums.map(({ cost }) => cost))} /> spent in {days.length} days, by{' '}
          {formatCount(requests)} request{requests === 1 ? '' : 's'}
        </h2>
        <span class="grow" />
        <Choice
          label="Colours"
          value={by}
          options={{ key: 'By key', model: 'By model' }}
          onChoice={setBy}
        />
      </div>
      {usage.truncated && (
        <p class="small quiet">There is more than could be read; the sums are too small.</p>
      )}
      <StackedBars days={days} series={series} height={180} />
      <p class="row small gap-top">
        {series.map(({ name }, index) => (
          <span key={name}>
            <Swatch color={index} />
            <Foreign>{name}</Foreign>
          </span>
        ))}
      </p>
    </section>
  );
}

function columnsOf(usage: KeyUsage): readonly Column<KeyRow>[] {
  const spent = new Map(sumBy(usage.data, NAMES_OF.key).map(({ name, cost }) => [name, cost]));
  return [
    { title: 'Key', cell: (row) => <KeyName row={row} /> },
    {
      title: 'Limits',
      class: 'wide',
      cell: ({ limits }) => <span class="small">{limits.join(', ') || 'none'}</span>,
    },
    {
      title: 'Models',
      class: 'wide',
      cell: ({ models }) => <Foreign class="small">{models?.join(', ') ?? 'any'}</Foreign>,
    },
    {
      title: 'Spent',
      class: 'right',
      cell: ({ name }) => <Usd amount={spent.get(name) ?? ZERO_USD} />,
    },
  ];
}

const KeyName = ({ row }: { readonly row: KeyRow }) => (
  <>
    <Foreign>{row.name}</Foreign>{' '}
    <span class={`chip ${row.disabled ? 'bad' : 'plain'}`}>
      {row.disabled ? 'disabled' : row.former === null ? row.kind : 'rotating'}
    </span>
    {row.user !== null && (
      <div class="small quiet">
        <Foreign>{row.user}</Foreign>
      </div>
    )}
  </>
);

mount(<Page />);
