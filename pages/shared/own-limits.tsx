/** The form for a person's own limits, which take the place of the key's. */
import { useState } from 'preact/hooks';
import type { LimitInfo, UserView } from '../../core/account/views.ts';
import { Button, bindFields, Field, Form, Select } from './form.tsx';

/** The props of each form for a person. */
export interface PersonFormProps {
  readonly person: UserView;
  /** @param said the text when it is done @returns true if it was done */
  patch(said: string, changes: object): Promise<boolean>;
}

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

/** A limit as it is typed. */
interface LimitRow {
  readonly unit: LimitInfo['unit'];
  readonly window: LimitInfo['window'];
  readonly amount: string;
  /** A date or an instant; empty: without an end. */
  readonly until: string;
}

const NEW_ROW: LimitRow = { unit: 'usd', window: 'week', amount: '', until: '' };

const toRows = ({ limits }: UserView): readonly LimitRow[] =>
  limits
    .filter(({ own }) => own)
    .map(({ unit, window, limit, until }) => ({
      unit,
      window,
      amount: String(limit),
      until: until ?? '',
    }));

/** Returns the rows as `PATCH /v1/users/{user}` reads them. */
const toLimits = (rows: readonly LimitRow[]) =>
  rows.map(({ unit, window, amount, until }) => ({
    per: 'user',
    unit,
    window,
    limit: Number(amount),
    ...(until.trim() !== '' && { until: until.trim() }),
  }));

export function OwnLimits({ person, patch }: PersonFormProps) {
  const [rows, setRows] = useState(() => toRows(person));
  return (
    <details>
      <summary>Limits of their own{rows.length > 0 && ` (${rows.length})`}</summary>
      <Form
        class="stack gap-top"
        onSend={() => patch('The limits hold at the next request.', { limits: toLimits(rows) })}
      >
        <p class="small quiet">
          Each takes the place of the key’s limit of the same unit and time, larger or smaller.
        </p>
        {rows.map((row, index) => (
          <LimitFields
            key={index}
            row={row}
            onChange={(changed) => setRows(rows.with(index, changed))}
            onRemove={() => setRows(rows.toSpliced(index, 1))}
          />
        ))}
        <div class="row">
          <Button disabled={rows.length >= LIMITS_MAX} onClick={() => setRows([...rows, NEW_ROW])}>
            Add a limit
          </Button>
          <Button type="submit">Save the limits</Button>
        </div>
      </Form>
    </details>
  );
}

function LimitFields(props: {
  readonly row: LimitRow;
  onChange(row: LimitRow): void;
  onRemove(): void;
}) {
  const { row, onChange, onRemove } = props;
  const field = bindFields(row, onChange);
  return (
    <fieldset class="row limit-row">
      <legend class="hidden">A limit</legend>
      <Field
        label="At most"
        type="number"
        required
        min="0"
        step={row.unit === 'usd' ? 'any' : '1'}
        {...field('amount')}
      />
      <Select
        label="Unit"
        value={row.unit}
        options={UNITS}
        onChoice={(unit) => onChange({ ...row, unit })}
      />
      <Select
        label="Time"
        value={row.window}
        options={WINDOWS}
        onChoice={(window) => onChange({ ...row, window })}
      />
      <Field label="Until" placeholder="no end, or 2026-12-31" {...field('until')} />
      <Button kind="link" onClick={onRemove}>
        Remove
      </Button>
    </fieldset>
  );
}
