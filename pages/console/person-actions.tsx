/** The actions of an owner on one person: change them, take back their passes, look at their conversations. */
import type { UserView } from '../../core/account/views.ts';
import { call } from '../shared/api.ts';
import { Button } from '../shared/form.tsx';
import { toChangeState, useOutcome } from '../shared/hooks.tsx';
import { PersonForms } from '../shared/person-forms.tsx';
import type { SetFilters } from './filters.ts';

export function PersonActions(props: {
  readonly credential: string;
  readonly person: UserView;
  readonly change: SetFilters;
  onChanged(person: UserView): void;
}) {
  const { credential, person, change, onChanged } = props;
  const { run, outcome } = useOutcome(toChangeState('Take them back again.'));
  const takeBack = () =>
    run('All passes until now are taken back.', () =>
      call(credential, `scoped-jwt?user=${encodeURIComponent(person.user)}`, { method: 'DELETE' }),
    );
  return (
    <div class="stack actions">
      <PersonForms
        person={person}
        send={(options) => call(credential, `users/${encodeURIComponent(person.id)}`, options)}
        onChanged={onChanged}
      />
      <div class="row">
        <Button kind="danger" onClick={takeBack}>
          Take back all passes
        </Button>
        <Button kind="link" onClick={() => change({ view: 'conversations', find: person.user })}>
          Conversations
        </Button>
      </div>
      {outcome}
    </div>
  );
}
