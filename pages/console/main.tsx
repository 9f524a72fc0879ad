/**
 * `/console`: what the owner of a server key sees and does.
 *
 * Guarantees: the key is typed, is kept in memory alone, and leaves the page only in a header to its own origin.
 */
import { useState } from 'preact/hooks';
import type { UserView } from '../../core/account/views.ts';
import type { CallError } from '../shared/api.ts';
import { Button, Choice, Form, SecretField } from '../shared/form.tsx';
import { DAYS, formatCount } from '../shared/format.ts';
import { useLoaded, useOutcome } from '../shared/hooks.tsx';
import { Foreign, InsecureNotice, mount, Notice } from '../shared/parts.tsx';
import { readSigner, type Signer } from '../shared/sign.ts';
import { toEndState } from '../shared/words.ts';
import { Conversations } from './conversations.tsx';
import { loadConsole } from './data.ts';
import { type Filters, type SetFilters, useFilters, VIEWS } from './filters.ts';
import { Overview } from './overview.tsx';
import { Passes } from './passes.tsx';
import { People } from './people.tsx';

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
  const { run, outcome } = useOutcome(toKeyState);
  return (
    <main class="narrow">
      <h1>Console</h1>
      <p>For the owner of a server key: see who spends what, and hand out passes.</p>
      <InsecureNotice />
      <Form
        class="card stack"
        onSend={() => run('', async () => onSigner(await readSigner(key.trim())))}
      >
        <SecretField
          label="Server key"
          pattern="\s*sk-[\x21-\x39\x3b-\x7e]+\s*"
          title="A server key begins with sk- and has no colon"
          value={key}
          onText={setKey}
        />
        <p class="small quiet">It stays in this window, and is gone when you close or reload it.</p>
        <div>
          <Button type="submit" kind="primary">
            Open the console
          </Button>
        </div>
      </Form>
      {outcome}
    </main>
  );
}

function toKeyState(error: CallError) {
  if (error.code === 'route_not_allowed') {
    return {
      title: 'This key cannot open the console.',
      next: 'It takes a server key that is in force: no client key, no personal key, no replaced one.',
    };
  }
  if (error.code === 'invalid_api_key') {
    return {
      title: 'This gateway does not know this key.',
      next: 'Check that you copied all of it. A disabled key is not known either.',
    };
  }
  return toEndState(error, { giver: 'the operator', nowMs: Date.now() });
}

function Console(props: {
  readonly signer: Signer;
  readonly filters: Filters;
  readonly change: SetFilters;
  onLeave(): void;
}) {
  const { signer, filters, change, onLeave } = props;
  const { key } = signer;
  const { view, days } = filters;
  const {
    value: data,
    setValue,
    error,
    revision,
    reload,
  } = useLoaded(() => loadConsole(key, Number(days)), [key, days]);
  const replace = (person: UserView) =>
    setValue(
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
          label="Days"
          value={days}
          options={DAYS}
          onChoice={(chosen) => change({ days: chosen })}
        />
        <Button onClick={reload}>Refresh</Button>
        <Button kind="link" onClick={onLeave}>
          Use another key
        </Button>
      </div>
      <nav class="side" aria-label="Views">
        {Object.entries(VIEWS).map(([each, name]) => (
          <button
            key={each}
            type="button"
            class="choice"
            aria-current={each === view ? 'page' : undefined}
            onClick={() => change({ view: each as Filters['view'], find: '' })}
          >
            {name}
          </button>
        ))}
      </nav>
      <div class="stack">
        {error && (
          <Notice state={toKeyState(error)}>
            <div>
              <Button onClick={reload}>Try again</Button>
            </div>
          </Notice>
        )}
        {data === undefined && error === undefined && (
          <p class="quiet" role="status">
            Reading…
          </p>
        )}
        {data?.arePeopleWhole === false && (view === 'overview' || view === 'people') && (
          <p class="notice warn">
            Shows the first {formatCount(data.people.length)} people, and there are more: counts of
            people, and what is held, are too small. "hallpass users list" lists them all.
          </p>
        )}
        {data !== undefined && view === 'overview' && <Overview data={data} change={change} />}
        {data !== undefined && view === 'people' && (
          <People
            credential={key}
            people={data.people}
            filters={filters}
            change={change}
            onChanged={replace}
          />
        )}
        {view === 'conversations' && (
          <Conversations
            key={`${days} ${revision}`}
            credential={key}
            filters={filters}
            change={change}
          />
        )}
        {view === 'passes' && <Passes signer={signer} />}
      </div>
    </main>
  );
}

mount(<Page />);
