/** The actions of an owner on one person: change them, take back their passes, look at their conversations. */
import { call } from '../shared/api.ts';
import type { Person } from '../shared/person.ts';
import { PersonForms, useOutcome } from '../shared/person-forms.tsx';
import { type ConsoleData, changePerson } from './data.ts';
import type { SetFilters } from './filters.ts';

export function PersonActions(props: {
  readonly credential: string;
  readonly person: Person;
  readonly data: ConsoleData;
  readonly change: SetFilters;
  onChanged(person: Person): void;
}) {
  const { credential, person, data, change, onChanged } = props;
  const { run, outcome } = useOutcome();
  const takeBack = () =>
    run('All passes until now are taken back.', () =>
      call(credential, `scoped-jwt?user=${encodeURIComponent(person.user)}`, { method: 'DELETE' }),
    );
  return (
    <div class="stack actions">
      {data.hasPeople && (
        <PersonForms
          person={person}
          change={(changes, idempotencyKey) =>
            changePerson(credential, person.id, { changes, idempotencyKey })
          }
          onChanged={onChanged}
        />
      )}
      <div class="row">
        <button type="button" class="button danger" onClick={takeBack}>
          Take back all passes
        </button>
        <button
          type="button"
          class="button link"
          onClick={() => change({ view: 'conversations', find: person.user })}
        >
          Conversations
        </button>
      </div>
      {outcome}
    </div>
  );
}
