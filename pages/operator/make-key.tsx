/** The form that makes a key: for a server, for one person, or for an app whose users sign in elsewhere. */
import { useState } from 'preact/hooks';
import { Button, bindFields, Choice, Field, Form } from '../shared/form.tsx';
import { toList } from '../shared/format.ts';
import { ask, type ShownKey } from './data.ts';
import {
  NO_SETTINGS,
  SettingFields,
  type Settings,
  ShownKeyOnce,
  toNewBody,
  useKeyOutcome,
} from './key-parts.tsx';
import { faultIn, NO_VERIFIER, toVerifierBody, VerifierFields } from './verifier-fields.tsx';

const KINDS = {
  server: 'For a server',
  personal: 'For one person',
  client: 'For an app',
} as const;
type Kind = keyof typeof KINDS;

const EXPLAINED: Readonly<Record<Kind, string>> = {
  server: 'Signs passes and sees everyone it signed for. It stays on your server.',
  personal: 'Always acts for this person. It signs nothing.',
  client:
    'Public, and of use only together with the token of a signed-in user: for web pages and phones.',
};

const NO_NAMES = { name: '', user: '', origins: '' };

export function MakeKey(props: { readonly bearer: string; onChanged(): void }) {
  const [kind, setKind] = useState<Kind>('server');
  const [names, setNames] = useState(NO_NAMES);
  const [settings, setSettings] = useState<Settings>(NO_SETTINGS);
  const [verifier, setVerifier] = useState(NO_VERIFIER);
  const [made, setMade] = useState<ShownKey>();
  const { run, outcome } = useKeyOutcome();
  const field = bindFields(names, setNames);
  const fault = kind === 'client' ? faultIn(verifier) : undefined;
  const make = () => {
    if (fault !== undefined) return;
    const { name, user, origins } = names;
    const body = {
      name,
      ...(kind === 'personal' && { user }),
      ...(kind === 'client' && { verifier: toVerifierBody(verifier) }),
      ...(kind === 'client' && origins.trim() !== '' && { allowed_origins: toList(origins) }),
      ...toNewBody(kind === 'server' ? settings : { ...settings, lifetime: '' }),
    };
    setMade(undefined);
    run('', async () => {
      setMade(await ask<ShownKey>(props.bearer, 'keys', { method: 'POST', body }));
      // A secret does not stay in the page.
      setVerifier(NO_VERIFIER);
      setNames({ ...names, name: '' });
      props.onChanged();
    });
  };
  return (
    <Form class="card stack" onSend={make}>
      <h2 class="flat">Make a key</h2>
      <Choice label="Kind of key" value={kind} options={KINDS} onChoice={setKind} />
      <p class="small quiet">{EXPLAINED[kind]}</p>
      <div class="fields">
        <Field label="Name" required maxLength={128} {...field('name')} />
        {kind === 'personal' && (
          <Field
            label="Person"
            required
            maxLength={256}
            placeholder="ada@example.edu"
            {...field('user')}
          />
        )}
        <SettingFields value={settings} signs={kind === 'server'} onChange={setSettings} />
        {kind === 'client' && (
          <Field
            label="Web origins, with commas"
            placeholder="any, or https://app.example.edu"
            {...field('origins')}
          />
        )}
      </div>
      {kind === 'client' && <VerifierFields value={verifier} onChange={setVerifier} />}
      {fault !== undefined && <p class="small">{fault}</p>}
      <div>
        <Button type="submit" kind="primary" disabled={fault !== undefined}>
          Make the key
        </Button>
      </div>
      {outcome}
      {made && <ShownKeyOnce made={made} />}
    </Form>
  );
}
