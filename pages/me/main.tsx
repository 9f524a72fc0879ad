/**
 * `/me`: what the holder of a credential has left, and how to use it.
 *
 * Guarantees: the credential is in memory alone, unless its holder ticks "Remember on this device", and leaves the page
 * only in a header to its own origin.
 */
import { render } from 'preact';
import { useCallback, useEffect, useState } from 'preact/hooks';
import type { KeyInfo } from '../../core/account/views.ts';
import { CallError, call, type ModelInfo, type UsageAnswer } from '../shared/api.ts';
import { isCredential, readClaims, takeFragment } from '../shared/credential.ts';
import { lastDays } from '../shared/format.ts';
import { Limits } from '../shared/limits.tsx';
import { Foreign, InsecureNotice, Notice } from '../shared/parts.tsx';
import { QrCode } from '../shared/qr.tsx';
import { toBlockedState, toEndState, toSpentState } from '../shared/words.ts';
import { HISTORY_DAYS, History } from './history.tsx';
import { Models } from './models.tsx';
import { mainLimit, Pass } from './pass.tsx';
import { forget, Remember, recall } from './remember.tsx';
import { SetUp } from './set-up.tsx';
import { TryIt } from './try-it.tsx';

const fragment = takeFragment();

/** The address of sign-in; undefined: this gateway has none. */
const signInUrl = document.querySelector<HTMLMetaElement>('meta[name=sign-in]')?.content;

function Page() {
  const first = isCredential(fragment.text) ? fragment.text : undefined;
  const [credential, setCredential] = useState(() =>
    first === undefined ? recall(Date.now()) : fragment.isLater ? undefined : first,
  );
  const [offered, setOffered] = useState(fragment.isLater ? first : undefined);
  if (offered !== undefined) {
    const use = (isWanted: boolean) => {
      setCredential(isWanted ? offered : undefined);
      setOffered(undefined);
    };
    return <Offer credential={offered} onAnswer={use} />;
  }
  if (credential === undefined) return <Form onCredential={setCredential} />;
  const leave = () => {
    forget(credential);
    setCredential(undefined);
  };
  return <Holder key={credential} credential={credential} onLeave={leave} />;
}

/** Asks before a pass that came while the page was open is used: it may be another person's. */
function Offer(props: { readonly credential: string; onAnswer(isWanted: boolean): void }) {
  const { user, jti, keyName } = readClaims(props.credential);
  return (
    <main class="narrow">
      <h1>Use this pass?</h1>
      <p>
        The address of this page changed to a pass of <Foreign>{user ?? jti ?? 'someone'}</Foreign>
        {keyName !== undefined && (
          <>
            , given by <Foreign>{keyName}</Foreign>
          </>
        )}
        .
      </p>
      <div class="row">
        <button type="button" class="button primary" onClick={() => props.onAnswer(true)}>
          Use it
        </button>
        <button type="button" class="button" onClick={() => props.onAnswer(false)}>
          No
        </button>
      </div>
    </main>
  );
}

function Form({ onCredential }: { onCredential(credential: string): void }) {
  const [text, setText] = useState('');
  const [isWrong, setWrong] = useState(false);
  const submit = (event: Event) => {
    event.preventDefault();
    const trimmed = text.trim();
    if (isCredential(trimmed)) onCredential(trimmed);
    else setWrong(true);
  };
  return (
    <main class="narrow">
      <h1>Your pass</h1>
      {signInUrl !== undefined && (
        <div>
          <a class="button primary" href={signInUrl}>
            Sign in
          </a>
        </div>
      )}
      <p>Paste your pass to see what is left and how to use it. It stays in this window.</p>
      <InsecureNotice />
      <form class="card stack" onSubmit={submit}>
        <label>
          Pass or key
          <input
            type="password"
            autoComplete="off"
            spellcheck={false}
            required
            value={text}
            aria-invalid={isWrong}
            aria-describedby={isWrong ? 'wrong' : undefined}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        {isWrong && (
          <p id="wrong" role="alert">
            A pass begins with <code>jwt:</code> and a key with <code>sk-</code>, and neither has
            spaces.
          </p>
        )}
        <div>
          <button type="submit" class={`button ${signInUrl === undefined ? 'primary' : ''}`}>
            Show my pass
          </button>
        </div>
      </form>
    </main>
  );
}

interface HolderData {
  readonly info: KeyInfo;
  readonly models: readonly ModelInfo[] | undefined;
  readonly usage: UsageAnswer | undefined;
}

function Holder(props: { readonly credential: string; onLeave(): void }) {
  const { credential, onLeave } = props;
  const [data, setData] = useState<HolderData>();
  const [refusal, setRefusal] = useState<CallError>();
  const [chosen, setChosen] = useState<string>();
  const refresh = useCallback(async () => {
    const { data: info } = await call<{ data: KeyInfo }>(credential, 'key');
    setData((before) => ({ models: before?.models, usage: before?.usage, info }));
    return info;
  }, [credential]);
  const load = useCallback(async () => {
    setRefusal(undefined);
    const [from] = lastDays(HISTORY_DAYS, Date.now());
    const more = Promise.all([
      call<{ data: readonly ModelInfo[] }>(credential, 'models'),
      call<UsageAnswer>(credential, `usage?group_by=day,model&from=${from}`),
    ]);
    more.catch(() => {}); // `refresh` says why.
    try {
      await refresh();
      const [{ data: models }, usage] = await more;
      setData((before) => before && { info: before.info, models, usage });
    } catch (error) {
      if (error instanceof CallError && error.status === 401) forget(credential);
      setRefusal(error instanceof CallError ? error : new CallError(0, 'network', String(error)));
    }
  }, [credential, refresh]);
  useEffect(() => {
    load();
  }, [load]);

  const claims = readClaims(credential);
  const giver = claims.keyName ?? 'whoever gave it to you';
  const nowMs = Date.now();
  if (refusal !== undefined) {
    return (
      <main class="narrow">
        <h1>Your pass</h1>
        <Notice state={toEndState(refusal, { giver, expiresAtMs: claims.expiresAtMs, nowMs })} />
        <div class="row">
          {signInUrl !== undefined && refusal.status === 401 && (
            <a class="button primary" href={signInUrl}>
              Sign in
            </a>
          )}
          <button type="button" class="button" onClick={load}>
            Try again
          </button>
          <button type="button" class="button link" onClick={onLeave}>
            Use another pass
          </button>
        </div>
      </main>
    );
  }
  if (data === undefined) {
    return (
      <main>
        <h1 class="hidden">Your pass</h1>
        <p class="quiet" role="status">
          Reading your pass…
        </p>
      </main>
    );
  }
  const { info, models, usage } = data;
  const main = mainLimit(info.limits);
  const model = chosen ?? firstModel(info, models);
  return (
    <main>
      <InsecureNotice />
      {info.blocked !== null && <Notice state={toBlockedState(info.blocked, { giver, nowMs })} />}
      {info.blocked === null && main !== undefined && main.remaining <= 0 && (
        <Notice state={toSpentState(main, { giver, nowMs })} />
      )}
      <Pass info={info} claims={claims} nowMs={nowMs} />
      <Card credential={credential} />
      <div class="two noprint">
        <div class="stack">
          <Limits title="Limits that apply" limits={info.limits} nowMs={nowMs} />
          {model !== undefined && <SetUp credential={credential} model={model} />}
          {model !== undefined && models !== undefined && info.blocked === null && (
            <TryIt
              credential={credential}
              models={models}
              model={model}
              info={info}
              onModel={setChosen}
              refresh={refresh}
            />
          )}
        </div>
        <div class="stack">
          {usage !== undefined && <History usage={usage} nowMs={nowMs} />}
          {models !== undefined && <Models models={models} />}
          <Remember credential={credential} />
        </div>
      </div>
      <div class="row noprint">
        <button type="button" class="button" onClick={() => print()}>
          Print as a card
        </button>
        <button type="button" class="button link" onClick={onLeave}>
          Use another pass
        </button>
      </div>
    </main>
  );
}

/** The model of the set-up: one that the pass names, else the demo, else the first. */
function firstModel(info: KeyInfo, models: readonly ModelInfo[] | undefined): string | undefined {
  const ids = models?.map(({ id }) => id);
  const named = info.models?.find((id) => ids?.includes(id));
  return named ?? ids?.find((id) => id === 'demo/echo') ?? ids?.[0];
}

/** The QR code printed beside the pass. It opens this page with it. */
const Card = ({ credential }: { readonly credential: string }) => (
  <section class="only-print printed">
    <QrCode text={`${location.href}#${credential}`} label="Opens this page with the pass" />
    <p>
      Scan it to open your pass. Anyone with this card can spend what is left: keep it to yourself.
    </p>
    <p class="mono foreign">{new URL('.', location.href).href}v1</p>
  </section>
);

const root = document.getElementById('page');
if (root !== null) {
  root.replaceChildren();
  render(<Page />, root);
}
