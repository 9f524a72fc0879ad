/**
 * The page of `hallpass console`: all keys of an account, for its operator.
 *
 * Guarantees: the session is in memory alone; the link that opened it works once.
 */
import { Fragment, render } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { asNanoUsd } from '../../core/base/money.ts';
import { CallError } from '../shared/api.ts';
import { StackedBars } from '../shared/chart.tsx';
import { takeFragment } from '../shared/credential.ts';
import { formatCount, formatUsd, lastDays } from '../shared/format.ts';
import { Choice, Foreign, Notice } from '../shared/parts.tsx';
import { modelOf, type NameOf, seriesBy, sumBy } from '../shared/sums.ts';
import { ChangeKey } from './change-key.tsx';
import { ask, type KeyRow, type KeyUsage, openSession, type UserOfKey } from './data.ts';
import { MakeKey } from './make-key.tsx';
import { KeyPeople, NearLimit } from './people.tsx';

const { text: code } = takeFragment();
const SPANS = ['7', '30', '90'] as const;
type Span = (typeof SPANS)[number];
const keyOf: NameOf = ({ key }) => key;

function Page() {
  const [bearer, setBearer] = useState<string>();
  const [refusal, setRefusal] = useState<CallError>();
  useEffect(() => {
    openSession(code).then(setBearer, (error) =>
      setRefusal(error instanceof CallError ? error : new CallError(0, 'network', 'It failed.')),
    );
  }, []);
  if (bearer !== undefined) return <Console bearer={bearer} />;
  return (
    <main class="narrow">
      <h1>All keys</h1>
      {refusal === undefined ? (
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

function Console({ bearer }: { readonly bearer: string }) {
  const [span, setSpan] = useState<Span>('30');
  const [by, setBy] = useState<'key' | 'model'>('key');
  const [keys, setKeys] = useState<readonly KeyRow[]>();
  const [usage, setUsage] = useState<KeyUsage>();
  const [refusal, setRefusal] = useState<CallError>();
  const [revision, setRevision] = useState(0);
  const [changed, setChanged] = useState<UserOfKey>();
  const load = useCallback(() => {
    setRefusal(undefined);
    setRevision((before) => before + 1);
    Promise.all([
      ask<{ data: readonly KeyRow[] }>(bearer, 'keys'),
      ask<KeyUsage>(bearer, `usage?days=${span}`),
    ]).then(
      ([{ data }, read]) => {
        setKeys(data);
        setUsage(read);
      },
      (error) =>
        setRefusal(error instanceof CallError ? error : new CallError(0, 'network', 'It failed.')),
    );
  }, [bearer, span]);
  useEffect(load, [load]);
  return (
    <main class="operator">
      <div class="row">
        <h1 class="name">All keys</h1>
        <span class="grow" />
        <Choice<Span>
          class="segmented"
          label="Days"
          value={span}
          options={SPANS.map((days) => [days, `${days} days`] as const)}
          onChange={setSpan}
        />
        <button type="button" class="button" onClick={load}>
          Refresh
        </button>
      </div>
      {refusal && (
        <Notice
          state={{
            title: 'The command does not answer.',
            next: 'It may have ended. Run hallpass console again.',
          }}
        />
      )}
      {keys !== undefined && usage !== undefined && (
        <>
          <Spend usage={usage} span={Number(span)} by={by} onBy={setBy} />
          <NearLimit bearer={bearer} revision={revision} changed={changed} onChanged={setChanged} />
          <Keys
            bearer={bearer}
            keys={keys}
            usage={usage}
            revision={revision}
            changed={changed}
            onChanged={load}
            onPersonChanged={setChanged}
          />
          <MakeKey bearer={bearer} onChanged={load} />
        </>
      )}
    </main>
  );
}

function Spend(props: {
  readonly usage: KeyUsage;
  readonly span: number;
  readonly by: 'key' | 'model';
  onBy(by: 'key' | 'model'): void;
}) {
  const { usage, span, by, onBy } = props;
  const nameOf = by === 'key' ? keyOf : modelOf;
  const days = lastDays(span, Date.now());
  const sums = sumBy(usage.data, nameOf);
  const total = asNanoUsd(sums.reduce((sum, { cost }) => sum + cost, 0n));
  const requests = sums.reduce((sum, each) => sum + each.requests, 0);
  const series = seriesBy(usage.data, days, nameOf);
  return (
    <section class="card">
      <div class="row gap">
        <h2 class="flat">
          <span data-nano={String(total)}>{formatUsd(total)}</span> spent in {span} days, by{' '}
          {formatCount(requests)} request{requests === 1 ? '' : 's'}
        </h2>
        <span class="grow" />
        <Choice<'key' | 'model'>
          class="segmented"
          label="Colours"
          value={by}
          options={[
            ['key', 'By key'],
            ['model', 'By model'],
          ]}
          onChange={onBy}
        />
      </div>
      {usage.truncated && (
        <p class="small quiet">There is more than could be read; the sums are too small.</p>
      )}
      <StackedBars days={days} series={series} height={180} />
      <p class="row small gap-top">
        {series.map(({ name }, index) => (
          <span key={name}>
            <i class={`swatch c${index}`} />
            <Foreign>{name}</Foreign>
          </span>
        ))}
      </p>
    </section>
  );
}

function Keys(props: {
  readonly bearer: string;
  readonly keys: readonly KeyRow[];
  readonly usage: KeyUsage;
  readonly revision: number;
  readonly changed: UserOfKey | undefined;
  onChanged(): void;
  onPersonChanged(person: UserOfKey): void;
}) {
  const { bearer, keys, usage, revision, changed, onChanged, onPersonChanged } = props;
  const [chosen, choose] = useState<string>();
  const spent = new Map(sumBy(usage.data, keyOf).map(({ name, cost }) => [name, cost]));
  return (
    <section class="card">
      <h2>Keys</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a narrow table scrolls, also by keyboard */}
      <div class="scroll" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th>Key</th>
              <th class="wide">Limits</th>
              <th class="wide">Models</th>
              <th class="right">Spent</th>
              <th>
                <span class="hidden">Change</span>
              </th>
            </tr>
          </thead>
          <tbody class="num">
            {keys.map((row) => (
              <Fragment key={row.name}>
                <tr>
                  <td>
                    <Foreign>{row.name}</Foreign>{' '}
                    <span class={`chip ${row.disabled ? 'bad' : 'plain'}`}>
                      {row.disabled ? 'disabled' : row.former === null ? row.kind : 'rotating'}
                    </span>
                    {row.user !== null && (
                      <div class="small quiet">
                        <Foreign>{row.user}</Foreign>
                      </div>
                    )}
                  </td>
                  <td class="wide small">{row.limits.join(', ') || 'none'}</td>
                  <td class="wide small foreign">{row.models?.join(', ') ?? 'any'}</td>
                  <td class="right">{formatUsd(spent.get(row.name) ?? asNanoUsd(0n))}</td>
                  <td class="right">
                    <button
                      type="button"
                      class="button link small"
                      aria-expanded={row.name === chosen}
                      aria-label={`Change ${row.name}`}
                      onClick={() => choose(row.name === chosen ? undefined : row.name)}
                    >
                      Change
                    </button>
                  </td>
                </tr>
                {row.name === chosen && (
                  <tr>
                    <td colSpan={5}>
                      <ChangeKey bearer={bearer} row={row} onChanged={onChanged} />
                      <KeyPeople
                        bearer={bearer}
                        name={row.name}
                        revision={revision}
                        changed={changed}
                        onChanged={onPersonChanged}
                      />
                    </td>
                  </tr>
                )}
              </Fragment>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

const root = document.getElementById('page');
if (root !== null) {
  root.replaceChildren();
  render(<Page />, root);
}
