/**
 * `/me`: what the holder of a credential has left, and how to use it.
 *
 * Guarantees: the credential is in memory alone, unless its holder ticks "Remember on this device", and leaves the page
 * only in a header to its own origin.
 */
import { useEffect, useState } from 'preact/hooks';
import type { KeyInfo } from '../../core/account/views.ts';
import { call, type ModelInfo, type UsageAnswer } from '../shared/api.ts';
import { isCredential, readClaims, takeFragment } from '../shared/credential.ts';
import { Button, Form, SecretField } from '../shared/form.tsx';
import { lastDays } from '../shared/format.ts';
import { useLoaded } from '../shared/hooks.tsx';
import { Limits } from '../shared/limits.tsx';
import { Foreign, InsecureNotice, mount, Notice } from '../shared/parts.tsx';
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
  if (credential === undefined) return <PassForm onCredential={setCredential} />;
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
        <Button kind="primary" onClick={() => props.onAnswer(true)}>
          Use it
        </Button>
        <Button onClick={() => props.onAnswer(false)}>No</Button>
      </div>
    </main>
  );
}

/** A link to sign-in; nothing where the gateway has none. */
const SignIn = () =>
  signInUrl === undefined ? null : (
    <a class="button primary" href={signInUrl}>
      Sign in
    </a>
  );

function PassForm({ onCredential }: { onCredential(credential: string): void }) {
  const [text, setText] = useState('');
  const [isWrong, setWrong] = useState(false);
  const show = () => {
    const trimmed = text.trim();
    if (isCredential(trimmed)) onCredential(trimmed);
    else setWrong(true);
  };
  return (
    <main class="narrow">
      <h1>Your pass</h1>
      {signInUrl !== undefined && (
        <div>
          <SignIn />
        </div>
      )}
      <p>Paste your pass to see what is left and how to use it. It stays in this window.</p>
      <InsecureNotice />
      <Form class="card stack" onSend={show}>
        <SecretField
          label="Pass or key"
          value={text}
          onText={setText}
          aria-invalid={isWrong}
          aria-describedby={isWrong ? 'wrong' : undefined}
        />
        {isWrong && (
          <p id="wrong" role="alert">
            A pass begins with <code>jwt:</code> and a key with <code>sk-</code>, and neither has
            spaces.
          </p>
        )}
        <div>
          <Button type="submit" kind={signInUrl === undefined ? 'primary' : ''}>
            Show my pass
          </Button>
        </div>
      </Form>
    </main>
  );
}

const loadInfo = async (credential: string): Promise<KeyInfo> =>
  (await call<{ data: KeyInfo }>(credential, 'key')).data;

async function loadMore(credential: string) {
  const [from] = lastDays(HISTORY_DAYS, Date.now());
  const [{ data: models }, usage] = await Promise.all([
    call<{ data: readonly ModelInfo[] }>(credential, 'models'),
    call<UsageAnswer>(credential, `usage?group_by=day,model&from=${from}`),
  ]);
  return { models, usage };
}

function Holder(props: { readonly credential: string; onLeave(): void }) {
  const { credential, onLeave } = props;
  // The figures first: they are what the holder came for.
  const first = useLoaded(() => loadInfo(credential), [credential]);
  const more = useLoaded(() => loadMore(credential), [credential]);
  const [chosen, setChosen] = useState<string>();
  const info = first.value;
  const { models, usage } = more.value ?? {};
  // The first says why, if both fail.
  const error = first.error ?? more.error;
  const reload = () => {
    first.reload();
    more.reload();
  };
  const refresh = async () => {
    const after = await loadInfo(credential);
    first.setValue(after);
    return after;
  };
  useEffect(() => {
    if (error?.status === 401) forget(credential);
  }, [error, credential]);

  const claims = readClaims(credential);
  const giver = claims.keyName ?? 'whoever gave it to you';
  const nowMs = Date.now();
  if (error !== undefined) {
    return (
      <main class="narrow">
        <h1>Your pass</h1>
        <Notice state={toEndState(error, { giver, expiresAtMs: claims.expiresAtMs, nowMs })} />
        <div class="row">
          {error.status === 401 && <SignIn />}
          <Button onClick={reload}>Try again</Button>
          <Button kind="link" onClick={onLeave}>
            Use another pass
          </Button>
        </div>
      </main>
    );
  }
  if (info === undefined) {
    return (
      <main>
        <h1 class="hidden">Your pass</h1>
        <p class="quiet" role="status">
          Reading your pass…
        </p>
      </main>
    );
  }
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
        <Button onClick={() => print()}>Print as a card</Button>
        <Button kind="link" onClick={onLeave}>
          Use another pass
        </Button>
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

mount(<Page />);
