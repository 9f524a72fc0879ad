/** Passes: issue one, issue a class from a CSV, look into one, take one back. All are signed in the page. */
import { useState } from 'preact/hooks';
import type { KeyInfo } from '../../core/account/views.ts';
import { call } from '../shared/api.ts';
import { isCredential, readClaims } from '../shared/credential.ts';
import { Button, bindFields, Field, Form, SecretField, SureButton } from '../shared/form.tsx';
import { formatInstant } from '../shared/format.ts';
import { useOutcome } from '../shared/hooks.tsx';
import { Limits } from '../shared/limits.tsx';
import { CopyButton, Foreign, Notice, ShownOnce } from '../shared/parts.tsx';
import { findFault, makePassSigner, type Signer } from '../shared/sign.ts';
import { toEndState } from '../shared/words.ts';
import { DEFAULT_TERMS, TermFields, toClaims } from './pass-terms.tsx';
import { RosterForm } from './roster-form.tsx';

export function Passes({ signer }: { readonly signer: Signer }) {
  if (!isSecureContext) {
    return (
      <Notice
        isMild
        state={{
          title: 'Passes cannot be signed here.',
          next: 'A browser signs only on pages with https or on this machine. Use hallpass tokens issue.',
        }}
      />
    );
  }
  return (
    <>
      <IssueForm signer={signer} />
      <RosterForm signer={signer} />
      <InspectForm signer={signer} />
    </>
  );
}

/** The holder's page with the pass in the fragment, which no server sees. */
const linkOf = (token: string): string => `${new URL('me', location.href).href}#${token}`;

function IssueForm({ signer }: { readonly signer: Signer }) {
  const [terms, setTerms] = useState(DEFAULT_TERMS);
  const [token, setToken] = useState<string>();
  const [fault, setFault] = useState<string>();
  const field = bindFields(terms, setTerms);
  const issue = async () => {
    setToken(undefined);
    const sign = await makePassSigner(signer);
    const signed = await sign(toClaims(terms, Date.now()));
    const refused = await findFault(signed);
    setFault(refused);
    if (refused === undefined) setToken(signed);
  };
  return (
    <Form class="card stack" onSend={issue}>
      <h2 class="flat">Issue a pass</h2>
      <div class="fields">
        <Field label="Person" maxLength={256} placeholder="ada@example.edu" {...field('user')} />
        <Field
          label="Name of the pass"
          maxLength={128}
          placeholder="by itself"
          {...field('name')}
        />
        <TermFields terms={terms} onChange={setTerms} />
      </div>
      <p class="small quiet">
        Passes of one person and one name share one allowance: issue it again with more dollars to
        top it up.
      </p>
      <div>
        <Button type="submit" kind="primary">
          Sign the pass
        </Button>
      </div>
      {fault !== undefined && (
        <Notice state={{ title: 'The gateway would refuse this pass.', next: fault }} />
      )}
      {token !== undefined && (
        <ShownOnce label="The pass. It is not kept: copy it now" secret={token}>
          <div class="row">
            <CopyButton kind="primary" label="Copy the pass" text={token} />
            <CopyButton label="Copy a link to its page" text={linkOf(token)} />
          </div>
        </ShownOnce>
      )}
    </Form>
  );
}

function InspectForm({ signer }: { readonly signer: Signer }) {
  const [text, setText] = useState('');
  const [info, setInfo] = useState<KeyInfo>();
  const token = text.trim();
  const { keyName: giver = 'its owner', expiresAtMs, jti } = readClaims(token);
  const nowMs = Date.now();
  const { run, outcome } = useOutcome((error) => toEndState(error, { giver, expiresAtMs, nowMs }));
  const inspect = () => {
    setInfo(undefined);
    run('', async () => setInfo((await call<{ data: KeyInfo }>(token, 'key')).data));
  };
  const takeBack = () => {
    setInfo(undefined);
    // By its name, so that no address holds a pass. One without a name is dead once this request was read.
    const query = new URLSearchParams(jti === undefined ? { jwtoken: token } : { jti });
    run('It is taken back, within ten seconds.', () =>
      call(signer.key, `scoped-jwt?${query}`, { method: 'DELETE' }),
    );
  };
  return (
    <Form class="card stack" onSend={inspect}>
      <h2 class="flat">Look into a pass</h2>
      <SecretField label="Pass" value={text} onText={setText} />
      <div class="row">
        <Button type="submit" disabled={!isCredential(token)}>
          Show it
        </Button>
        <SureButton
          label="Take it back…"
          question="It is refused from then on, and that cannot be undone."
          sure="Take it back"
          disabled={!token.startsWith('jwt:')}
          onSure={takeBack}
        />
      </div>
      {outcome}
      {info !== undefined && (
        <>
          <p>
            <Foreign>{info.user ?? 'nobody by name'}</Foreign>, <Foreign>{info.label}</Foreign>
            {expiresAtMs !== undefined && `, ends ${formatInstant(expiresAtMs, nowMs)}`}
          </p>
          <Limits title="Its limits" limits={info.limits} nowMs={nowMs} />
        </>
      )}
    </Form>
  );
}
