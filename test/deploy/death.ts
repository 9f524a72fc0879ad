/**
 * A function that dies under a request, and the sweep that closes what it held.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { callAws, changeFunction, type Stack } from './aws.ts';
import { SILENT_MODEL } from './configs.ts';
import { askChat, expectAnswers, type Keys, send } from './requests.ts';
import { expectThat, hallpass, type Life } from './tools.ts';

/** The lease of a hold ends so long after the time that its function has. */
const LEASE_GRACE_MS = 60_000;
/** The function's time: less than the provider is waited for, so that nothing else ends the request. */
const TIMEOUT_SECONDS = 8;
const DIES_AFTER_MS = 1_000;

export interface Death {
  readonly diedAtMs: number;
  /** The user's token that the request had. */
  readonly token: string;
}

/** Has the proxy die while a provider works for a request. */
export async function dies(life: Life, stage: Stack, { server }: Keys): Promise<Death> {
  const { root } = stage;
  const body = { spending_limit: 1, user: 'fay@example.edu', expires_delta: 3600 };
  const issued = await send(root, { path: '/v1/scoped-jwt', credential: server, body });
  const { token } = JSON.parse(issued.text);
  const revert = await changeFunction(life, stage.resource('FunctionsProxy'), {
    timeoutSeconds: TIMEOUT_SECONDS,
    variables: { DIES_AFTER_MS: String(DIES_AFTER_MS) },
  });
  const answer = await send(root, askChat(token, { model: SILENT_MODEL }));
  expectThat(answer.status >= 500, `a function that died answered ${answer.status}`);
  await revert();
  const about = await send(root, { path: '/v1/key', credential: token });
  const { reserved } = JSON.parse(about.text).data;
  expectThat(reserved > 0, `a request that died holds ${reserved} USD`);
  return { diedAtMs: performance.now(), token };
}

/** Waits for the end of the lease, and runs the sweep. */
export async function sweepsWhatDied(life: Life, stage: Stack, death: Death): Promise<void> {
  const endsAtMs = death.diedAtMs + TIMEOUT_SECONDS * 1_000 + LEASE_GRACE_MS;
  await wait(Math.max(0, endsAtMs - performance.now()));
  const sweep = stage.resource('FunctionsSweep');
  await callAws(life, 'lambda', `/2015-03-31/functions/${sweep}/invocations`, {
    method: 'POST',
    body: '{}',
  });
  const about = await send(stage.root, { path: '/v1/key', credential: death.token });
  const { reserved, usage } = JSON.parse(about.text).data;
  expectThat(reserved === 0, `after the sweep ${reserved} USD are held`);
  expectThat(usage > 0, 'a request that died is not counted in full');
  await expectAnswers(stage.root, [{ ...askChat(death.token), holds: 'echo: hello' }]);
  await hallpass(life, ['usage', 'audit', '--stack', stage.name]);
}
