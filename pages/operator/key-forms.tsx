/** Forms for one key: make it, change it, rotate it, disable it, and look at who changed what. */
import { useState } from 'preact/hooks';
import { Refusal } from '../shared/api.ts';
import { formatInstant } from '../shared/format.ts';
import { CopyButton, Foreign, Notice } from '../shared/parts.tsx';
import { ask, type KeyEvent, type KeyRow, type MadeKey, toList } from './data.ts';

interface Settings {
  readonly limits: string;
  readonly models: string;
  readonly lifetime: string;
}

const toBody = ({ limits, models, lifetime }: Settings) => ({
  limits: toList(limits),
  models: toList(models),
  ...(lifetime !== '' && { max_token_lifetime: lifetime }),
});

/** An empty field takes the configuration's value for new keys. */
const toNewBody = (settings: Settings) =>
  Object.fromEntries(Object.entries(toBody(settings)).filter(([, value]) => value.length > 0));

/** Runs a change, and keeps what the server refused. */
function useChange() {
  const [refusal, setRefusal] = useState<Refusal>();
  const run = async (act: () => Promise<void>) => {
    setRefusal(undefined);
    try {
      await act();
    } catch (error) {
      setRefusal(error instanceof Refusal ? error : new Refusal(0, 'unknown', 'It failed.'));
    }
  };
  const notice = refusal && (
    <Notice state={{ title: 'Nothing was changed.', next: refusal.message }} />
  );
  return { run, notice };
}

const SettingFields = (props: { readonly value: Settings; onChange(value: Settings): void }) => {
  const { value, onChange } = props;
  return (
    <>
      <label>
        Limits, with commas
        <input
          placeholder="user:usd:week=5, key:usd:month=500"
          value={value.limits}
          onInput={(event) => onChange({ ...value, limits: event.currentTarget.value })}
        />
      </label>
      <label>
        Models, with commas
        <input
          placeholder="any"
          value={value.models}
          onInput={(event) => onChange({ ...value, models: event.currentTarget.value })}
        />
      </label>
      <label>
        Longest pass
        <input
          placeholder="7d"
          pattern="[0-9]+[smhdw]"
          title="A number and s, m, h, d or w"
          value={value.lifetime}
          onInput={(event) => onChange({ ...value, lifetime: event.currentTarget.value })}
        />
      </label>
    </>
  );
};

/** A key string, shown once. */
const ShownOnce = ({ made }: { readonly made: MadeKey }) => (
  <div class="stack" role="status">
    <label>
      The key. It is shown only now
      <textarea readOnly rows={2} class="mono" value={made.key} />
    </label>
    <p class="small">
      Its kid: <span class="mono foreign">{made.kid}</span>
    </p>
    <div class="row">
      <CopyButton class="primary" label="Copy the key" text={made.key} />
    </div>
  </div>
);

export function MakeKey(props: { readonly bearer: string; onChanged(): void }) {
  const [name, setName] = useState('');
  const [user, setUser] = useState('');
  const [settings, setSettings] = useState<Settings>({ limits: '', models: '', lifetime: '' });
  const [made, setMade] = useState<MadeKey>();
  const { run, notice } = useChange();
  const make = (event: Event) => {
    event.preventDefault();
    run(async () => {
      const body = { name, ...(user !== '' && { user }), ...toNewBody(settings) };
      setMade(await ask<MadeKey>(props.bearer, 'keys', { method: 'POST', body }));
      props.onChanged();
    });
  };
  return (
    <form class="card stack" onSubmit={make}>
      <h2 class="flat">Make a key</h2>
      <div class="fields">
        <label>
          Name
          <input
            required
            maxLength={128}
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <label>
          For one person alone
          <input
            maxLength={256}
            placeholder="a server key for all"
            value={user}
            onInput={(event) => setUser(event.currentTarget.value)}
          />
        </label>
        <SettingFields value={settings} onChange={setSettings} />
      </div>
      <p class="small quiet">A client key needs a verifier: make it with hallpass keys create.</p>
      <div>
        <button type="submit" class="button primary">
          Make the key
        </button>
      </div>
      {notice}
      {made && <ShownOnce made={made} />}
    </form>
  );
}

const SECONDS_PER_HOUR = 3_600;

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
    lifetime: `${Math.ceil(row.max_token_lifetime_seconds / SECONDS_PER_HOUR)}h`,
  });
  const [done, setDone] = useState('');
  const [made, setMade] = useState<MadeKey>();
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
      setMade(await ask<MadeKey>(bearer, `rotate/${path}`, { method: 'POST', body: { now } }));
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
            <SettingFields value={settings} onChange={setSettings} />
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
