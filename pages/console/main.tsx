/**
 * `/console`: what the owner of a server key sees and does.
 *
 * Guarantees: the key is typed, is kept in memory alone, and leaves the page only in a header to its own origin.
 */
import { render } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import type { UserView } from '../../core/account/views.ts';
import { CallError } from '../shared/api.ts';
import { Choice, Foreign, InsecureNotice, Notice } from '../shared/parts.tsx';
import { readSigner, type Signer } from '../shared/sign.ts';
import { toEndState } from '../shared/words.ts';
import { Conversations } from './conversations.tsx';
import { type ConsoleData, loadConsole } from './data.ts';
import { type Filters, type SetFilters, SPANS, useFilters, VIEWS, type View } from './filters.ts';
import { Overview } from './overview.tsx';
import { Passes } from './passes.tsx';
import { People } from './people.tsx';

const NAMES: Readonly<Record<View, string>> = {
  overview: 'Overview',
  people: 'People',
  conversations: 'Conversations',
  passes: 'Passes',
};

function Page() {
  // Here, so that an address with a credential is emptied before any key is typed.
  const [filters, change] = useFilters();
  const [signer, setSigner] = useState<Signer>();
  if (signer === undefined) return <KeyForm onSigner={setSigner} />;
  return (
    <Console
      signer={signer}
      filters={filters}
      change={change}
      onLeave={() => setSigner(undefined)}
    />
  );
}

function KeyForm({ onSigner }: { onSigner(signer: Signer): void }) {
  const [key, setKey] = useState('');
  const [refusal, setRefusal] = useState<CallError>();
  const submit = async (event: Event) => {
    event.preventDefault();
    setRefusal(undefined);
    try {
      onSigner(await readSigner(key.trim()));
    } catch (error) {
      setRefusal(error instanceof CallError ? error : new CallError(0, 'network', 'It failed.'));
    }
  };
  return (
    <main class="narrow">
      <h1>Console</h1>
      <p>For the owner of a server key: see who spends what, and hand out passes.</p>
      <InsecureNotice />
      <form class="card stack" onSubmit={submit}>
        <label>
          Server key
          <input
            type="password"
            autoComplete="off"
            spellcheck={false}
            required
            pattern="\s*sk-[\x21-\x39\x3b-\x7e]+\s*"
            title="A server key begins with sk- and has no colon"
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        <p class="small quiet">It stays in this window, and is gone when you close or reload it.</p>
        <div>
          <button type="submit" class="button primary">
            Open the console
          </button>
        </div>
      </form>
      {refusal && <Notice state={toKeyState(refusal)} />}
    </main>
  );
}

function toKeyState(refusal: CallError) {
  if (refusal.code === 'route_not_allowed') {
    return {
      title: 'This key cannot open the console.',
      next: 'It takes a server key that is in force: no client key, no personal key, no replaced one.',
    };
  }
  if (refusal.code === 'invalid_api_key') {
    return {
      title: 'This gateway does not know this key.',
      next: 'Check that you copied all of it. A disabled key is not known either.',
    };
  }
  return toEndState(refusal, { giver: 'the operator', nowMs: Date.now() });
}

function Console(props: {
  readonly signer: Signer;
  readonly filters: Filters;
  readonly change: SetFilters;
  onLeave(): void;
}) {
  const { signer, filters, change, onLeave } = props;
  const [data, setData] = useState<ConsoleData>();
  const [refusal, setRefusal] = useState<CallError>();
  const { key } = signer;
  const load = useCallback(() => {
    setRefusal(undefined);
    loadConsole(key, Number(filters.days)).then(setData, (error) =>
      setRefusal(error instanceof CallError ? error : new CallError(0, 'network', 'It failed.')),
    );
  }, [key, filters.days]);
  useEffect(load, [load]);
  const replace = (person: UserView) =>
    setData(
      (before) =>
        before && {
          ...before,
          people: before.people.map((each) => (each.id === person.id ? person : each)),
        },
    );
  return (
    <main class="console">
      <div class="row bar">
        <h1 class="name">
          Key <Foreign>{data?.info.label ?? '…'}</Foreign>
        </h1>
        <span class="grow" />
        <Choice
          class="segmented"
          label="Days"
          value={filters.days}
          options={SPANS.map((days) => [days, `${days} days`] as const)}
          onChange={(days) => change({ days })}
        />
        <button type="button" class="button" onClick={load}>
          Refresh
        </button>
        <button type="button" class="button link" onClick={onLeave}>
          Use another key
        </button>
      </div>
      <nav class="side" aria-label="Views">
        {VIEWS.map((view) => (
          <button
            key={view}
            type="button"
            aria-current={view === filters.view ? 'page' : undefined}
            onClick={() => change({ view, find: '' })}
          >
            {NAMES[view]}
          </button>
        ))}
      </nav>
      <div class="stack">
        {refusal && (
          <Notice state={toKeyState(refusal)}>
            <div>
              <button type="button" class="button" onClick={load}>
                Try again
              </button>
            </div>
          </Notice>
        )}
        {data === undefined && refusal === undefined && (
          <p class="quiet" role="status">
            Reading…
          </p>
        )}
        {data !== undefined && filters.view === 'overview' && (
          <Overview data={data} change={change} />
        )}
        {data !== undefined && filters.view === 'people' && (
          <People
            credential={key}
            people={data.people}
            filters={filters}
            change={change}
            onChanged={replace}
          />
        )}
        {filters.view === 'conversations' && (
          <Conversations credential={key} filters={filters} change={change} />
        )}
        {filters.view === 'passes' && <Passes signer={signer} />}
      </div>
    </main>
  );
}

const root = document.getElementById('page');
if (root !== null) {
  root.replaceChildren();
  render(<Page />, root);
}
