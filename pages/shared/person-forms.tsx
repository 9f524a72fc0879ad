/** The changes that an owner or operator makes to one person: more money, a block, a note, limits of their own. */
import { useRef, useState } from 'preact/hooks';
import type { UserView } from '../../core/account/views.ts';
import type { CallOptions } from './api.ts';
import { Button, Field, Form } from './form.tsx';
import { toChangeState, useOutcome } from './hooks.tsx';
import { OwnLimits, type PersonFormProps } from './own-limits.tsx';

const REASON_CHARS_MAX = 200;
const NOTE_CHARS_MAX = 500;

export function PersonForms(props: {
  readonly person: UserView;
  /** Sends a change. */
  send(options: CallOptions): Promise<{ readonly data: UserView }>;
  onChanged(person: UserView): void;
}) {
  const { person, send, onChanged } = props;
  const { run, outcome } = useOutcome(toChangeState('Send it again: it counts once.'));
  const sent = useRef({ text: '', key: '' });
  /** A change that failed keeps its key, so that the same change again counts once. */
  const patch = (said: string, changes: object) =>
    run(said, async () => {
      const text = JSON.stringify(changes);
      if (sent.current.text !== text) sent.current = { text, key: crypto.randomUUID() };
      const headers = { 'idempotency-key': sent.current.key };
      const { data } = await send({ method: 'PATCH', body: changes, headers });
      sent.current = { text: '', key: '' };
      onChanged(data);
    });
  return (
    <>
      <TopUp person={person} patch={patch} />
      <Block person={person} patch={patch} />
      <Note person={person} patch={patch} />
      <OwnLimits person={person} patch={patch} />
      {outcome}
    </>
  );
}

function TopUp({ patch }: PersonFormProps) {
  const [credit, setCredit] = useState('');
  /** Empties the field, so that a second click gives nothing. */
  const give = async () => {
    if (await patch(`${credit} dollars more.`, { credit_usd: Number(credit) })) setCredit('');
  };
  return (
    <Form class="row" onSend={give}>
      <Field
        class="inline"
        label="Dollars to give"
        type="number"
        required
        step="any"
        value={credit}
        onText={setCredit}
      />
      <Button type="submit">Top up</Button>
    </Form>
  );
}

function Block({ person, patch }: PersonFormProps) {
  const [reason, setReason] = useState('');
  if (person.blocked !== null) {
    return (
      <div class="row">
        <Button onClick={() => patch('Unblocked.', { blocked: null })}>Unblock</Button>
      </div>
    );
  }
  return (
    <Form class="row" onSend={() => patch('Blocked.', { blocked: reason })}>
      <Field
        class="inline"
        label="Reason; the person reads it"
        required
        maxLength={REASON_CHARS_MAX}
        value={reason}
        onText={setReason}
      />
      <Button type="submit" kind="danger">
        Block
      </Button>
    </Form>
  );
}

function Note({ person, patch }: PersonFormProps) {
  const [note, setNote] = useState(person.note ?? '');
  return (
    <Form class="row" onSend={() => patch('The note is kept.', { note: note || null })}>
      <Field
        class="inline"
        label="Note, for you alone"
        maxLength={NOTE_CHARS_MAX}
        value={note}
        onText={setNote}
      />
      <Button type="submit">Keep the note</Button>
    </Form>
  );
}
