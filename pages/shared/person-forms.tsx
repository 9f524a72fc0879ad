/** The changes that an owner or operator makes to one person: more money, a block, a note, limits of their own. */
import { useRef, useState } from 'preact/hooks';
import type { UserView } from '../../core/account/views.ts';
import { CallError } from './api.ts';
import { Notice } from './parts.tsx';
import { type LimitRow, toLimitRows, toOwnLimits } from './person.ts';

const REASON_CHARS_MAX = 200;
const NOTE_CHARS_MAX = 500;
const LIMITS_MAX = 8;

const UNITS = { usd: 'dollars', requests: 'requests', tokens: 'tokens' } as const;
const WINDOWS = {
  minute: 'a minute',
  hour: 'an hour',
  day: 'a day',
  week: 'a week',
  month: 'a month',
  total: 'in all',
} as const;

/** Runs something, says what was done, and keeps what was refused. `run` answers true if it was done. */
export function useOutcome() {
  const [done, setDone] = useState('');
  const [refusal, setRefusal] = useState<CallError>();
  const run = async (said: string, act: () => Promise<unknown>): Promise<boolean> => {
    setRefusal(undefined);
    setDone('');
    try {
      await act();
      setDone(said);
      return true;
    } catch (error) {
      setRefusal(error instanceof CallError ? error : new CallError(0, 'unknown', 'It failed.'));
      return false;
    }
  };
  const outcome = (
    <>
      <p role="status" class="small">
        {done}
      </p>
      {refusal && <Notice state={toState(refusal)} />}
    </>
  );
  return { run, outcome };
}

/** Says what a refusal means. Without an answer the change may have been made; the same again counts once. */
const toState = ({ code, message }: CallError) =>
  code === 'network'
    ? { title: 'No answer came.', next: 'Send it again: it counts once.' }
    : { title: 'Nothing was changed.', next: message };

/** Sends changes of a person. @param idempotencyKey the same for a change that is sent again */
export type ChangePerson = (
  changes: object,
  idempotencyKey: string,
) => Promise<{ readonly data: UserView }>;

export function PersonForms(props: {
  readonly person: UserView;
  readonly change: ChangePerson;
  onChanged(person: UserView): void;
}) {
  const { person, change, onChanged } = props;
  const { run, outcome } = useOutcome();
  const sent = useRef({ text: '', key: '' });
  /** A change that failed keeps its key, so that the same change again counts once. */
  const patch = (said: string, changes: object) =>
    run(said, async () => {
      const text = JSON.stringify(changes);
      if (sent.current.text !== text) sent.current = { text, key: crypto.randomUUID() };
      const { data } = await change(changes, sent.current.key);
      sent.current = { text: '', key: '' };
      onChanged(data);
    });
  return (
    <>
      <TopUp patch={patch} />
      <Block person={person} patch={patch} />
      <Note person={person} patch={patch} />
      <OwnLimits person={person} patch={patch} />
      {outcome}
    </>
  );
}

type Patch = (said: string, changes: object) => Promise<boolean>;

const onSubmit = (act: () => void) => (event: Event) => {
  event.preventDefault();
  act();
};

function TopUp({ patch }: { readonly patch: Patch }) {
  const [credit, setCredit] = useState('');
  /** Empties the field, so that a second click gives nothing. */
  const give = async () => {
    if (await patch(`${credit} dollars more.`, { credit_usd: Number(credit) })) setCredit('');
  };
  return (
    <form class="row" onSubmit={onSubmit(give)}>
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
  );
}

interface FormProps {
  readonly person: UserView;
  readonly patch: Patch;
}

function Block({ person, patch }: FormProps) {
  const [reason, setReason] = useState('');
  if (person.blocked !== null) {
    return (
      <div class="row">
        <button type="button" class="button" onClick={() => patch('Unblocked.', { blocked: null })}>
          Unblock
        </button>
      </div>
    );
  }
  return (
    <form class="row" onSubmit={onSubmit(() => patch('Blocked.', { blocked: reason }))}>
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
  );
}

function Note({ person, patch }: FormProps) {
  const [note, setNote] = useState(person.note ?? '');
  return (
    <form
      class="row"
      onSubmit={onSubmit(() => patch('The note is kept.', { note: note === '' ? null : note }))}
    >
      <label class="inline">
        Note, for you alone
        <input
          maxLength={NOTE_CHARS_MAX}
          value={note}
          onInput={(event) => setNote(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="button">
        Keep the note
      </button>
    </form>
  );
}

const NEW_ROW: LimitRow = { unit: 'usd', window: 'week', amount: '', until: '' };

function OwnLimits({ person, patch }: FormProps) {
  const [rows, setRows] = useState(() => toLimitRows(person));
  const set = (at: number, change: Partial<LimitRow>) =>
    setRows(rows.map((row, index) => (index === at ? { ...row, ...change } : row)));
  return (
    <details>
      <summary>Limits of their own{rows.length > 0 && ` (${rows.length})`}</summary>
      <form
        class="stack gap-top"
        onSubmit={onSubmit(() =>
          patch('The limits hold at the next request.', { limits: toOwnLimits(rows) }),
        )}
      >
        <p class="small quiet">
          Each takes the place of the key’s limit of the same unit and time, larger or smaller.
        </p>
        {rows.map((row, index) => (
          <LimitFields
            key={index}
            row={row}
            onChange={(change) => set(index, change)}
            onRemove={() => setRows(rows.filter((_, at) => at !== index))}
          />
        ))}
        <div class="row">
          <button
            type="button"
            class="button"
            disabled={rows.length >= LIMITS_MAX}
            onClick={() => setRows([...rows, NEW_ROW])}
          >
            Add a limit
          </button>
          <button type="submit" class="button">
            Save the limits
          </button>
        </div>
      </form>
    </details>
  );
}

function LimitFields(props: {
  readonly row: LimitRow;
  onChange(change: Partial<LimitRow>): void;
  onRemove(): void;
}) {
  const { row, onChange, onRemove } = props;
  return (
    <fieldset class="row limit-row">
      <legend class="hidden">A limit</legend>
      <label>
        At most
        <input
          type="number"
          required
          min="0"
          step={row.unit === 'usd' ? 'any' : '1'}
          value={row.amount}
          onInput={(event) => onChange({ amount: event.currentTarget.value })}
        />
      </label>
      <Select
        label="Unit"
        value={row.unit}
        options={UNITS}
        onChange={(unit) => onChange({ unit })}
      />
      <Select
        label="Time"
        value={row.window}
        options={WINDOWS}
        onChange={(window) => onChange({ window })}
      />
      <label>
        Until
        <input
          placeholder="no end, or 2026-12-31"
          value={row.until}
          onInput={(event) => onChange({ until: event.currentTarget.value })}
        />
      </label>
      <button type="button" class="button link" onClick={onRemove}>
        Remove
      </button>
    </fieldset>
  );
}

function Select<T extends string>(props: {
  readonly label: string;
  readonly value: T;
  readonly options: Readonly<Record<T, string>>;
  onChange(value: T): void;
}) {
  const { label, value, options, onChange } = props;
  return (
    <label>
      {label}
      <select value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
        {Object.entries<string>(options).map(([name, text]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
