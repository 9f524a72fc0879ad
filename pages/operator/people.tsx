/** People: who is near a limit over all keys, and the people of one key; each can be changed. */
import { useEffect, useState } from 'preact/hooks';
import type { UserView } from '../../core/account/views.ts';
import { type CallError, toCallError } from '../shared/api.ts';
import { Button } from '../shared/form.tsx';
import { toNano } from '../shared/format.ts';
import { useLoaded } from '../shared/hooks.tsx';
import { Foreign, Notice, PersonName, Usd } from '../shared/parts.tsx';
import { PersonForms } from '../shared/person-forms.tsx';
import { type Column, Table } from '../shared/table.tsx';
import { ask, type NearAnswer, type PeopleAnswer, type UserOfKey } from './data.ts';

interface PeopleProps {
  readonly bearer: string;
  /** The people are read again whenever it changes. */
  readonly revision: number;
  /** The person who was changed last, in this list or another. */
  readonly changed: UserOfKey | undefined;
  onChanged(person: UserOfKey): void;
}

/** The people of all keys who have used most of a limit. They are read again after each change of a person. */
export function NearLimit(props: PeopleProps) {
  const { bearer, revision, changed, onChanged } = props;
  const { value, error } = useLoaded(
    () => ask<NearAnswer>(bearer, 'near'),
    [bearer, revision, changed],
  );
  return (
    <section class="card">
      <h2>Near a limit</h2>
      <People
        bearer={bearer}
        people={value?.data}
        error={error}
        onChanged={onChanged}
        none="Nobody has used 80 % of a limit."
        hasKeys
      />
      {value?.truncated && (
        <p class="small quiet">There are more; the first 200 of a key are shown.</p>
      )}
    </section>
  );
}

/** The people of one key, those who spent most first. */
export function KeyPeople(props: PeopleProps & { readonly name: string }) {
  const { bearer, name, revision, changed, onChanged } = props;
  const [people, setPeople] = useState<readonly UserOfKey[]>();
  const [next, setNext] = useState<string | null>(null);
  const [error, setError] = useState<CallError>();
  async function load(after?: string): Promise<void> {
    setError(undefined);
    const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`;
    try {
      const path = `people/${encodeURIComponent(name)}${query}`;
      const answer = await ask<PeopleAnswer>(bearer, path);
      const page = answer.data.map((person) => ({ ...person, key: name }));
      setPeople((before = []) => (after === undefined ? page : eachOnce([...before, ...page])));
      setNext(answer.next);
    } catch (reason) {
      setError(toCallError(reason));
    }
  }
  useEffect(() => void load(), [bearer, name, revision]);
  // In its place, so that a change far down the list does not lead back to its start.
  useEffect(() => {
    if (changed?.key !== name) return;
    setPeople((before) => before?.map((each) => (each.id === changed.id ? changed : each)));
  }, [changed, name]);
  return (
    <div class="stack actions">
      <h3>People</h3>
      <People
        bearer={bearer}
        people={people}
        error={error}
        onChanged={onChanged}
        none="Nobody has used this key yet."
      />
      {next !== null && <Button onClick={() => load(next)}>More people</Button>}
    </div>
  );
}

/** A person whose spend changes moves between pages, and a second click reads a page again. The newest figures win. */
const eachOnce = (people: readonly UserOfKey[]): readonly UserOfKey[] => [
  ...new Map(people.map((person) => [person.id, person])).values(),
];

const keyColumn: Column<UserOfKey> = { title: 'Key', cell: ({ key }) => <Foreign>{key}</Foreign> };

const columns: readonly Column<UserOfKey>[] = [
  { title: 'Person', cell: (person) => <PersonName name={person.user} person={person} /> },
  { title: 'Used', class: 'right', cell: ({ nearest }) => <Used nearest={nearest} /> },
  {
    title: 'Spent',
    class: 'right wide',
    cell: ({ usage_usd: usd }) => <Usd amount={toNano(usd)} />,
  },
];

function People(props: {
  readonly bearer: string;
  /** Absent while they are read. */
  readonly people: readonly UserOfKey[] | undefined;
  readonly error: CallError | undefined;
  readonly none: string;
  readonly hasKeys?: boolean;
  onChanged(person: UserOfKey): void;
}) {
  const { bearer, people, error, none, hasKeys, onChanged } = props;
  const form = (person: UserOfKey) => (
    <div class="stack actions">
      <PersonForms
        person={person}
        send={(options) => ask(bearer, pathOf(person), options)}
        onChanged={(next) => onChanged({ ...next, key: person.key })}
      />
    </div>
  );
  return (
    <>
      {error && <Notice state={{ title: 'The people could not be read.', next: error.message }} />}
      {people === undefined && error === undefined && <p role="status">Reading…</p>}
      {people?.length === 0 && <p class="quiet">{none}</p>}
      {people !== undefined && people.length > 0 && (
        <Table
          rows={people}
          keyOf={({ key, id }) => JSON.stringify([key, id])}
          columns={hasKeys ? [keyColumn, ...columns] : columns}
          change={{ nameOf: ({ user, key }) => `${user} of ${key}`, form }}
          scrolls
        />
      )}
    </>
  );
}

const pathOf = ({ key, id }: UserOfKey): string =>
  `people/${encodeURIComponent(key)}/${encodeURIComponent(id)}`;

const Used = ({ nearest }: Pick<UserView, 'nearest'>) =>
  nearest === null ? (
    <span class="small quiet">no limit</span>
  ) : (
    <>
      {nearest.percent} %
      <div class="small quiet">
        {nearest.unit}:{nearest.window}
      </div>
    </>
  );
