/** The form that makes a key: for a server, for one person, or for an app whose users sign in elsewhere. */
import { useState } from 'preact/hooks';
import { Choice } from '../shared/parts.tsx';
import { ask, type ShownKey, toList } from './data.ts';
import {
  NO_SETTINGS,
  SettingFields,
  type Settings,
  ShownOnce,
  toNewBody,
  useChange,
} from './key-parts.tsx';
import { faultIn, NO_VERIFIER, toVerifierBody, VerifierFields } from './verifier-fields.tsx';

const KINDS = [
  ['server', 'For a server'],
  ['personal', 'For one person'],
  ['client', 'For an app'],
] as const;
type Kind = (typeof KINDS)[number][0];

const EXPLAINED: Readonly<Record<Kind, string>> = {
  server: 'Signs passes and sees everyone it signed for. It stays on your server.',
  personal: 'Always acts for this person. It signs nothing.',
  client:
    'Public, and of use only together with the token of a signed-in user: for web pages and phones.',
};

export function MakeKey(props: { readonly bearer: string; onChanged(): void }) {
  const [kind, setKind] = useState<Kind>('server');
  const [name, setName] = useState('');
  const [user, setUser] = useState('');
  const [origins, setOrigins] = useState('');
  const [settings, setSettings] = useState<Settings>(NO_SETTINGS);
  const [verifier, setVerifier] = useState(NO_VERIFIER);
  const [made, setMade] = useState<ShownKey>();
  const { run, notice } = useChange();
  const fault = kind === 'client' ? faultIn(verifier) : undefined;
  const make = (event: Event) => {
    event.preventDefault();
    if (fault !== undefined) return;
    run(async () => {
      const body = {
        name,
        ...(kind === 'personal' && { user }),
        ...(kind === 'client' && { verifier: toVerifierBody(verifier) }),
        ...(kind === 'client' && origins.trim() !== '' && { allowed_origins: toList(origins) }),
        ...toNewBody(kind === 'server' ? settings : { ...settings, lifetime: '' }),
      };
      setMade(undefined);
      setMade(await ask<ShownKey>(props.bearer, 'keys', { method: 'POST', body }));
      // A secret does not stay in the page.
      setVerifier(NO_VERIFIER);
      setName('');
      props.onChanged();
    });
  };
  return (
    <form class="card stack" onSubmit={make}>
      <h2 class="flat">Make a key</h2>
      <Choice<Kind>
        class="segmented"
        label="Kind of key"
        value={kind}
        options={KINDS}
        onChange={setKind}
      />
      <p class="small quiet">{EXPLAINED[kind]}</p>
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
        {kind === 'personal' && (
          <label>
            Person
            <input
              required
              maxLength={256}
              placeholder="ada@example.edu"
              value={user}
              onInput={(event) => setUser(event.currentTarget.value)}
            />
          </label>
        )}
        <SettingFields value={settings} signs={kind === 'server'} onChange={setSettings} />
        {kind === 'client' && (
          <label>
            Web origins, with commas
            <input
              placeholder="any, or https://app.example.edu"
              value={origins}
              onInput={(event) => setOrigins(event.currentTarget.value)}
            />
          </label>
        )}
      </div>
      {kind === 'client' && <VerifierFields value={verifier} onChange={setVerifier} />}
      {fault !== undefined && <p class="small">{fault}</p>}
      <div>
        <button type="submit" class="button primary" disabled={fault !== undefined}>
          Make the key
        </button>
      </div>
      {notice}
      {made && <ShownOnce made={made} />}
    </form>
  );
}
