/** People: who is near a limit over all keys, and the people of one key; each can be changed. */
import { Fragment } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import type { UserView } from '../../core/account/views.ts';
import { CallError } from '../shared/api.ts';
import { formatUsd, toNano } from '../shared/format.ts';
import { Foreign, Notice } from '../shared/parts.tsx';
import { PersonForms } from '../shared/person-forms.tsx';
import { ask, type NearAnswer, type PeopleAnswer, type UserOfKey } from './data.ts';

const toCallError = (error: unknown): CallError =>
  error instanceof CallError ? error : new CallError(0, 'network', 'It failed.');

const Failed = ({ refusal }: { readonly refusal: CallError }) => (
  <Notice state={{ title: 'The people could not be read.', next: refusal.message }} />
);

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
  const [answer, setAnswer] = useState<NearAnswer>();
  const [refusal, setRefusal] = useState<CallError>();
  const load = useCallback(() => {
    setRefusal(undefined);
    ask<NearAnswer>(bearer, 'near').then(setAnswer, (error) => setRefusal(toCallError(error)));
  }, [bearer]);
  useEffect(load, [load, revision, changed]);
  return (
    <section class="card">
      <h2>Near a limit</h2>
      {refusal && <Failed refusal={refusal} />}
      {answer === undefined && refusal === undefined && <p role="status">Reading…</p>}
      {answer?.data.length === 0 && <p class="quiet">Nobody has used 80 % of a limit.</p>}
      {answer?.truncated && (
        <p class="small quiet">There are more; the first 200 of a key are shown.</p>
      )}
      {answer !== undefined && answer.data.length > 0 && (
        <PeopleTable bearer={bearer} people={answer.data} hasKeys onChanged={onChanged} />
      )}
    </section>
  );
}

/** The people of one key, those who spent most first. */
export function KeyPeople(props: PeopleProps & { readonly name: string }) {
  const { bearer, name, revision, changed, onChanged } = props;
  const [people, setPeople] = useState<readonly UserOfKey[]>();
  const [next, setNext] = useState<string | null>(null);
  const [refusal, setRefusal] = useState<CallError>();
  const load = useCallback(
    async (after?: string) => {
      setRefusal(undefined);
      const query = after === undefined ? '' : `?after=${encodeURIComponent(after)}`;
      try {
        const path = `people/${encodeURIComponent(name)}${query}`;
        const answer = await ask<PeopleAnswer>(bearer, path);
        const page = answer.data.map((person) => ({ ...person, key: name }));
        setPeople((before = []) => (after === undefined ? page : [...before, ...page]));
        setNext(answer.next);
      } catch (error) {
        setRefusal(toCallError(error));
      }
    },
    [bearer, name],
  );
  useEffect(() => void load(), [load, revision]);
  // In its place, so that a change far down the list does not lead back to its start.
  useEffect(() => {
    if (changed?.key !== name) return;
    setPeople((before) => before?.map((each) => (each.id === changed.id ? changed : each)));
  }, [changed, name]);
  return (
    <div class="stack actions">
      <h3>People</h3>
      {refusal && <Failed refusal={refusal} />}
      {people === undefined && refusal === undefined && <p role="status">Reading…</p>}
      {people?.length === 0 && <p class="quiet">Nobody has used this key yet.</p>}
      {people !== undefined && people.length > 0 && (
        <PeopleTable bearer={bearer} people={people} onChanged={onChanged} />
      )}
      {next !== null && (
        <button type="button" class="button" onClick={() => load(next)}>
          More people
        </button>
      )}
    </div>
  );
}

interface TableProps {
  readonly bearer: string;
  readonly people: readonly UserOfKey[];
  readonly hasKeys?: boolean;
  onChanged(person: UserOfKey): void;
}

function PeopleTable({ bearer, people, hasKeys = false, onChanged }: TableProps) {
  const [chosen, choose] = useState<string>();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a narrow table scrolls, also by keyboard
    <div class="scroll" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {hasKeys && <th>Key</th>}
            <th>Person</th>
            <th class="right">Used</th>
            <th class="right wide">Spent</th>
            <th>
              <span class="hidden">Change</span>
            </th>
          </tr>
        </thead>
        <tbody class="num">
          {people.map((person) => {
            const id = JSON.stringify([person.key, person.id]);
            const isOpen = id === chosen;
            return (
              <Fragment key={id}>
                <Row
                  person={person}
                  hasKeys={hasKeys}
                  isOpen={isOpen}
                  toggle={() => choose(isOpen ? undefined : id)}
                />
                {isOpen && (
                  <tr>
                    <td colSpan={hasKeys ? 5 : 4}>
                      <div class="stack actions">
                        <PersonForms
                          person={person}
                          change={(body, idempotencyKey) =>
                            ask<{ data: UserView }>(bearer, pathOf(person), {
                              method: 'PATCH',
                              body,
                              headers: { 'idempotency-key': idempotencyKey },
                            })
                          }
                          onChanged={(next) => onChanged({ ...next, key: person.key })}
                        />
                      </div>
                    </td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

const pathOf = ({ key, id }: UserOfKey): string =>
  `people/${encodeURIComponent(key)}/${encodeURIComponent(id)}`;

function Row(props: {
  readonly person: UserOfKey;
  readonly hasKeys: boolean;
  readonly isOpen: boolean;
  toggle(): void;
}) {
  const { person, hasKeys, isOpen, toggle } = props;
  const { key, user, nearest, usage_usd: usd, blocked, note } = person;
  return (
    <tr>
      {hasKeys && (
        <td>
          <Foreign>{key}</Foreign>
        </td>
      )}
      <td>
        <Foreign>{user}</Foreign> {blocked !== null && <span class="chip bad">blocked</span>}
        {(blocked ?? note) !== null && (
          <div class="small quiet">
            <Foreign>{blocked ?? note ?? ''}</Foreign>
          </div>
        )}
      </td>
      <td class="right">
        {nearest === null ? (
          <span class="small quiet">no limit</span>
        ) : (
          <>
            {nearest.percent} %
            <div class="small quiet">
              {nearest.unit}:{nearest.window}
            </div>
          </>
        )}
      </td>
      <td class="right wide">{formatUsd(toNano(usd))}</td>
      <td class="right">
        <button
          type="button"
          class="button link small"
          aria-expanded={isOpen}
          aria-label={`Change ${user} of ${key}`}
          onClick={toggle}
        >
          Change
        </button>
      </td>
    </tr>
  );
}
