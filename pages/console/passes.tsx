/** Passes: issue one, issue a class from a CSV, look into one, take one back. All are signed in the page. */
import { useState } from 'preact/hooks';
import type { KeyInfo } from '../../core/account/views.ts';
import { CallError, call } from '../shared/api.ts';
import { isCredential, readClaims } from '../shared/credential.ts';
import { formatInstant } from '../shared/format.ts';
import { Limits } from '../shared/limits.tsx';
import { CopyButton, Foreign, Notice } from '../shared/parts.tsx';
import { findFault, makePassSigner, type Signer } from '../shared/sign.ts';
import { toEndState } from '../shared/words.ts';
import { type PassTerms, readTerms, TermFields, toClaims } from './pass-terms.tsx';
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
  const [terms, setTerms] = useState<PassTerms>(readTerms);
  const [token, setToken] = useState<string>();
  const [fault, setFault] = useState<string>();
  const issue = async (event: Event) => {
    event.preventDefault();
    setToken(undefined);
    const sign = await makePassSigner(signer);
    const signed = await sign(toClaims(terms, Date.now()));
    const refused = await findFault(signed);
    setFault(refused);
    if (refused === undefined) setToken(signed);
  };
  return (
    <form class="card stack" onSubmit={issue}>
      <h2 class="flat">Issue a pass</h2>
      <div class="fields">
        <label>
          Person
          <input
            value={terms.user}
            maxLength={256}
            placeholder="ada@example.edu"
            onInput={(event) => setTerms({ ...terms, user: event.currentTarget.value })}
          />
        </label>
        <label>
          Name of the pass
          <input
            value={terms.name}
            maxLength={128}
            placeholder="by itself"
            onInput={(event) => setTerms({ ...terms, name: event.currentTarget.value })}
          />
        </label>
        <TermFields terms={terms} onChange={setTerms} />
      </div>
      <p class="small quiet">
        Passes of one person and one name share one allowance: issue it again with more dollars to
        top it up.
      </p>
      <div>
        <button type="submit" class="button primary">
          Sign the pass
        </button>
      </div>
      {fault !== undefined && (
        <Notice state={{ title: 'The gateway would refuse this pass.', next: fault }} />
      )}
      {token !== undefined && (
        <div class="stack" role="status">
          <label>
            The pass. It is not kept: copy it now
            <textarea readOnly rows={3} class="mono" value={token} />
          </label>
          <div class="row">
            <CopyButton class="primary" label="Copy the pass" text={token} />
            <CopyButton label="Copy a link to its page" text={linkOf(token)} />
          </div>
        </div>
      )}
    </form>
  );
}

function InspectForm({ signer }: { readonly signer: Signer }) {
  const [text, setText] = useState('');
  const [info, setInfo] = useState<KeyInfo>();
  const [refusal, setRefusal] = useState<CallError>();
  const [done, setDone] = useState('');
  const token = text.trim();
  const claims = readClaims(token);
  const nowMs = Date.now();
  async function run(act: () => Promise<unknown>): Promise<void> {
    setInfo(undefined);
    setRefusal(undefined);
    setDone('');
    try {
      await act();
    } catch (error) {
      setRefusal(error instanceof CallError ? error : new CallError(0, 'unknown', 'It failed.'));
    }
  }
  const inspect = (event: Event) => {
    event.preventDefault();
    run(async () => setInfo((await call<{ data: KeyInfo }>(token, 'key')).data));
  };
  const takeBack = () =>
    run(async () => {
      // By its name, so that no address holds a pass. One without a name is dead once this request was read.
      const query = claims.jti === undefined ? { jwtoken: token } : { jti: claims.jti };
      await call(signer.key, `scoped-jwt?${new URLSearchParams(query)}`, { method: 'DELETE' });
      setDone('It is taken back, within ten seconds.');
    });
  return (
    <form class="card stack" onSubmit={inspect}>
      <h2 class="flat">Look into a pass</h2>
      <label>
        Pass
        <input
          type="password"
          autoComplete="off"
          required
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <div class="row">
        <button type="submit" class="button" disabled={!isCredential(token)}>
          Show it
        </button>
        <button
          type="button"
          class="button danger"
          disabled={!token.startsWith('jwt:')}
          onClick={takeBack}
        >
          Take it back
        </button>
      </div>
      <p role="status" class="small">
        {done}
      </p>
      {refusal && (
        <Notice
          state={toEndState(refusal, {
            giver: claims.keyName ?? 'its owner',
            expiresAtMs: claims.expiresAtMs,
            nowMs,
          })}
        />
      )}
      {info !== undefined && (
        <>
          <p>
            <Foreign>{info.user ?? 'nobody by name'}</Foreign>, <Foreign>{info.label}</Foreign>
            {claims.expiresAtMs !== undefined &&
              `, ends ${formatInstant(claims.expiresAtMs, nowMs)}`}
          </p>
          <Limits title="Its limits" limits={info.limits} nowMs={nowMs} />
        </>
      )}
    </form>
  );
}
