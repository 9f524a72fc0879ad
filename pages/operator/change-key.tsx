/** The form for one key: change it, rotate it, disable it, and look at who changed what. */
import { useState } from 'preact/hooks';
import { Button, Form, SureButton } from '../shared/form.tsx';
import { formatInstant } from '../shared/format.ts';
import { Foreign } from '../shared/parts.tsx';
import { type Column, Table } from '../shared/table.tsx';
import { ask, type KeyEvent, type KeyEvents, type KeyRow, type ShownKey } from './data.ts';
import { SettingFields, type Settings, ShownKeyOnce, toBody, useKeyOutcome } from './key-parts.tsx';

const SECONDS_PER_HOUR = 3_600;
const HOURS_PER_DAY = 24;

/** Formats a lifetime as the field reads it: `7d`, `36h`. */
function formatLifetime(seconds: number): string {
  const hours = Math.ceil(seconds / SECONDS_PER_HOUR);
  return hours % HOURS_PER_DAY === 0 ? `${hours / HOURS_PER_DAY}d` : `${hours}h`;
}

const EVENT_COLUMNS: readonly Column<KeyEvent>[] = [
  { title: 'When', cell: ({ at }) => formatInstant(Date.parse(at), Date.now()) },
  { title: 'Who', cell: ({ by }) => <Foreign>{by}</Foreign> },
  {
    title: 'What',
    cell: ({ action, fields }) => (
      <>
        {action} <Foreign>{JSON.stringify(fields)}</Foreign>
      </>
    ),
  },
];

export function ChangeKey(props: {
  readonly bearer: string;
  readonly row: KeyRow;
  onChanged(): void;
}) {
  const { bearer, row, onChanged } = props;
  const path = encodeURIComponent(row.name);
  const [settings, setSettings] = useState<Settings>({
    limits: row.limits.join(', '),
    models: (row.models ?? []).join(', '),
    lifetime: formatLifetime(row.max_token_lifetime_seconds),
  });
  const [made, setMade] = useState<ShownKey>();
  const [events, setEvents] = useState<KeyEvents>();
  const { run, outcome } = useKeyOutcome();
  const save = () =>
    run('Saved. It holds within ten seconds.', async () => {
      await ask(bearer, `keys/${path}`, { method: 'PATCH', body: toBody(settings) });
      onChanged();
    });
  const rotate = (now: boolean) =>
    run('', async () => {
      setMade(await ask<ShownKey>(bearer, `rotate/${path}`, { method: 'POST', body: { now } }));
      onChanged();
    });
  const disable = () =>
    run('Disabled. It is refused within ten seconds.', async () => {
      await ask(bearer, `disable/${path}`, { method: 'POST', body: {} });
      onChanged();
    });
  const audit = () => run('', async () => setEvents(await ask<KeyEvents>(bearer, `audit/${path}`)));
  return (
    <div class="stack actions">
      {!row.disabled && (
        <Form class="stack" onSend={save}>
          <div class="fields">
            <SettingFields value={settings} signs={row.kind === 'server'} onChange={setSettings} />
          </div>
          <div class="row">
            <Button type="submit">Save</Button>
            <Button onClick={() => rotate(false)}>Rotate, both valid for a while</Button>
            <SureButton
              label="Rotate now…"
              question="The present key, and all passes that it signed, are refused from then on."
              sure="Rotate it now"
              onSure={() => rotate(true)}
            />
            <SureButton
              label="Disable…"
              question="Nobody can use it from then on, and it cannot be undone."
              sure="Disable it for ever"
              onSure={disable}
            />
          </div>
        </Form>
      )}
      <div class="row">
        <Button kind="link" onClick={audit}>
          Who changed it
        </Button>
      </div>
      {outcome}
      {made && <ShownKeyOnce made={made} />}
      {events && (
        <Table
          caption="Changes, the latest first"
          rows={events.data}
          keyOf={({ id }) => id}
          columns={EVENT_COLUMNS}
        />
      )}
      {events?.truncated && <p class="small quiet">Older changes are left out.</p>}
    </div>
  );
}
