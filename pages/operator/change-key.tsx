/** The form for one key: change it, rotate it, disable it, and look at who changed what. */
import { useState } from 'preact/hooks';
import { formatInstant } from '../shared/format.ts';
import { Foreign } from '../shared/parts.tsx';
import { ask, type KeyEvent, type KeyRow, type ShownKey } from './data.ts';
import { SettingFields, type Settings, ShownOnce, toBody, useChange } from './key-parts.tsx';

const SECONDS_PER_HOUR = 3_600;
const HOURS_PER_DAY = 24;

/** Formats a lifetime as the field reads it: `7d`, `36h`. */
function formatLifetime(seconds: number): string {
  const hours = Math.ceil(seconds / SECONDS_PER_HOUR);
  return hours % HOURS_PER_DAY === 0 ? `${hours / HOURS_PER_DAY}d` : `${hours}h`;
}

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
  const [done, setDone] = useState('');
  const [made, setMade] = useState<ShownKey>();
  const [isSure, setSure] = useState(false);
  const [events, setEvents] = useState<readonly KeyEvent[]>();
  const { run, notice } = useChange();
  const save = (event: Event) => {
    event.preventDefault();
    run(async () => {
      await ask(bearer, `keys/${path}`, { method: 'PATCH', body: toBody(settings) });
      setDone('Saved. It holds within ten seconds.');
      onChanged();
    });
  };
  const rotate = (now: boolean) =>
    run(async () => {
      setMade(await ask<ShownKey>(bearer, `rotate/${path}`, { method: 'POST', body: { now } }));
      onChanged();
    });
  const disable = () =>
    run(async () => {
      await ask(bearer, `disable/${path}`, { method: 'POST', body: {} });
      setDone('Disabled. It is refused within ten seconds.');
      onChanged();
    });
  const audit = () =>
    run(async () =>
      setEvents((await ask<{ data: readonly KeyEvent[] }>(bearer, `audit/${path}`)).data),
    );
  return (
    <div class="stack actions">
      {!row.disabled && (
        <form class="stack" onSubmit={save}>
          <div class="fields">
            <SettingFields value={settings} signs={row.kind === 'server'} onChange={setSettings} />
          </div>
          <div class="row">
            <button type="submit" class="button">
              Save
            </button>
            <button type="button" class="button" onClick={() => rotate(false)}>
              Rotate, both valid for a while
            </button>
            <button type="button" class="button" onClick={() => rotate(true)}>
              Rotate now
            </button>
            {isSure ? (
              <button type="button" class="button danger" onClick={disable}>
                Disable it for ever
              </button>
            ) : (
              <button type="button" class="button danger" onClick={() => setSure(true)}>
                Disable…
              </button>
            )}
          </div>
        </form>
      )}
      <div class="row">
        <button type="button" class="button link" onClick={audit}>
          Who changed it
        </button>
      </div>
      <p role="status" class="small">
        {done}
      </p>
      {notice}
      {made && <ShownOnce made={made} />}
      {events && <Events events={events} />}
    </div>
  );
}

const Events = ({ events }: { readonly events: readonly KeyEvent[] }) => (
  <table>
    <caption>Changes, the latest first</caption>
    <thead>
      <tr>
        <th>When</th>
        <th>Who</th>
        <th>What</th>
      </tr>
    </thead>
    <tbody>
      {events.map(({ id, at, by, action, fields }) => (
        <tr key={id}>
          <td>{formatInstant(Date.parse(at), Date.now())}</td>
          <td class="foreign">
            <Foreign>{by}</Foreign>
          </td>
          <td class="foreign">
            {action} <Foreign>{JSON.stringify(fields)}</Foreign>
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);
