/** The actions of an owner on one person: give more, block or unblock, take back their passes, look at conversations. */
import { useState } from 'preact/hooks';
import { call, Refusal } from '../shared/api.ts';
import { Notice } from '../shared/parts.tsx';
import { type ConsoleData, changePerson, type Person } from './data.ts';
import type { SetFilters } from './filters.ts';

const REASON_CHARS_MAX = 200;

export function PersonActions(props: {
  readonly credential: string;
  readonly person: Person;
  readonly data: ConsoleData;
  readonly change: SetFilters;
  onChanged(person: Person): void;
}) {
  const { credential, person, data, change, onChanged } = props;
  const [credit, setCredit] = useState('');
  const [reason, setReason] = useState('');
  const [done, setDone] = useState('');
  const [refusal, setRefusal] = useState<Refusal>();

  async function run(said: string, act: () => Promise<unknown>): Promise<void> {
    setRefusal(undefined);
    setDone('');
    try {
      await act();
      setDone(said);
    } catch (error) {
      setRefusal(error instanceof Refusal ? error : new Refusal(0, 'unknown', 'It failed.'));
    }
  }
  const patch = (said: string, changes: object) =>
    run(said, async () => onChanged((await changePerson(credential, person.id, changes)).data));
  const submit = (act: () => void) => (event: Event) => {
    event.preventDefault();
    act();
  };
  const takeBack = () =>
    run('All passes until now are taken back.', () =>
      call(credential, `scoped-jwt?user=${encodeURIComponent(person.user)}`, { method: 'DELETE' }),
    );

  return (
    <div class="stack actions">
      {data.hasPeople && (
        <form
          class="row"
          onSubmit={submit(() => patch(`${credit} dollars more.`, { credit_usd: Number(credit) }))}
        >
          <label class="inline">
            Dollars to give
            <input
              type="number"
              required
              step="any"
              value={credit}
              onInput={(event) => setCredit(event.currentTarget.value)}
            />
          </label>
          <button type="submit" class="button">
            Top up
          </button>
        </form>
      )}
      {data.hasPeople && person.blocked === null && (
        <form class="row" onSubmit={submit(() => patch('Blocked.', { blocked: reason }))}>
          <label class="inline">
            Reason; the person reads it
            <input
              required
              maxLength={REASON_CHARS_MAX}
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </label>
          <button type="submit" class="button danger">
            Block
          </button>
        </form>
      )}
      <div class="row">
        {person.blocked !== null && (
          <button
            type="button"
            class="button"
            onClick={() => patch('Unblocked.', { blocked: null })}
          >
            Unblock
          </button>
        )}
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
      <p role="status" class="small">
        {done}
      </p>
      {refusal && <Notice state={{ title: 'Nothing was changed.', next: refusal.message }} />}
    </div>
  );
}
