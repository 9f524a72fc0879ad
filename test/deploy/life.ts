/**
 * The life of three stacks, each a chain of steps: a stage that is changed and restored, a stage beside it in which a
 * function dies, and the stack of an earlier version that is upgraded. The chains run side by side.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { FakeProvider } from '../support/fake-provider.ts';
import { readAlarms, throttleProxy } from './alarms.ts';
import { expectAlert, makeInbox } from './alerts.ts';
import { readStack, type Stack } from './aws.ts';
import { dies, sweepsWhatDied } from './death.ts';
import { ACCOUNT, REGION } from './emulator.ts';
import { checkOutPrevious } from './previous.ts';
import { Unavailable } from './python.ts';
import {
  askUpstream,
  expectAnswers,
  type Keys,
  makeKeys,
  serves,
  spendSmallToken,
  tokensAreHeld,
} from './requests.ts';
import { restoreTables } from './restore.ts';
import { rotates } from './rotation.ts';
import { signsIn } from './sign-in.ts';
import { cdk, expectThat, hallpass, type Life, synthesize } from './tools.ts';
import { becomesToday, expectOneIndexAtMost, livesInThePast } from './upgrade.ts';

/** Runs one step and prints its time. */
export type Step = <T>(name: string, act: () => T | Promise<T>) => Promise<T>;

/** A step that failed names itself. */
export function makeStep(print: (line: string) => void): Step {
  return async (name, act) => {
    const startedAtMs = performance.now();
    const end = (outcome: string) => {
      const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
      print(`${seconds.padStart(6)} s  ${name}${outcome}`);
    };
    try {
      const result = await act();
      end('');
      return result;
    } catch (error) {
      end(error instanceof Unavailable ? `: skipped, ${error.message}` : ': FAILED');
      throw error;
    }
  };
}

const LINTED_REGIONS = ['us-east-1', 'eu-central-1', 'us-gov-west-1', 'cn-north-1'];

/** Checks templates by AWS's schemas of several regions. The CDK itself writes what W3005 names. */
async function lint({ packages }: Life, templates: readonly string[]): Promise<void> {
  const main = 'import sys; from cfnlint.runner.cli import main; sys.exit(main())';
  const flags = ['--ignore-checks', 'W3005', '--regions', ...LINTED_REGIONS, '--', ...templates];
  const env = { PATH: process.env.PATH, PYTHONPATH: packages };
  const child = spawn('python3', ['-c', main, ...flags], { env });
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  expectThat(status === 0, `cfn-lint ended with ${status}:\n${stdout}${stderr}`);
}

/** Returns undefined if a step cannot be made here. */
const orSkipped = <T>(outcome: Promise<T>): Promise<T | undefined> =>
  outcome.catch((error: unknown) => {
    if (error instanceof Unavailable) return undefined;
    throw error;
  });

export async function live(life: Life, upstream: FakeProvider, step: Step): Promise<void> {
  const [today, previous] = await Promise.all([
    step('synthesize', () =>
      synthesize(life, { name: 'today', stacks: ['Dev', 'Prod', 'Hallpass'] }),
    ),
    orSkipped(step('synthesize the version before', () => synthesizePrevious(life))),
    step('bootstrap', () => cdk(life, 'bootstrap', [`aws://${ACCOUNT}/${REGION}`])),
  ]);
  const templates = ['Dev', 'Prod'].map((name) => join(today, `${name}.template.json`));
  await Promise.all([
    step('lint the templates', () => lint(life, templates)),
    step('deploy two stages', () => cdk(life, 'deploy', ['Dev', 'Prod'], today)),
    previous &&
      step('deploy the version before', () => cdk(life, 'deploy', ['Hallpass'], previous.assembly)),
  ]);
  const [dev, prod] = await Promise.all([readStack(life, 'Dev'), readStack(life, 'Prod')]);
  const keys = await step('make keys of each kind', async () => ({
    dev: await makeKeys(life, 'Dev'),
    prod: await makeKeys(life, 'Prod'),
  }));
  await step('each stage refuses the keys of the other', () => refuseEachOther(dev, prod, keys));
  const restored = await Promise.all([
    stageLives({ life, stage: dev, keys: keys.dev, upstream, step, today }),
    besideLives({ life, stage: prod, keys: keys.prod, step, today }),
    previous && upgradeLives({ life, upstream, step, today, previous }),
  ]).then(([assembly]) => assembly);
  await step('destroy', async () => {
    await Promise.all([
      cdk(life, 'destroy', ['Dev', 'Prod', ...(previous ? ['Hallpass'] : [])], today),
      cdk(life, 'destroy', ['Restored'], restored),
    ]);
    await expectTablesStay(life, dev);
  });
}

interface Previous {
  /** The version's own files, and those of its synthesized stack. */
  readonly folder: string;
  readonly assembly: string;
}

async function synthesizePrevious(life: Life): Promise<Previous> {
  const folder = checkOutPrevious(life);
  const assembly = await synthesize(life, {
    name: 'before',
    stacks: ['Hallpass'],
    app: 'bin/gateway.ts',
    cwd: folder,
  });
  return { folder, assembly };
}

async function refuseEachOther(
  dev: Stack,
  prod: Stack,
  keys: { readonly dev: Keys; readonly prod: Keys },
): Promise<void> {
  expectThat(keys.dev.account === 'acct:dev', `the account of Dev is ${keys.dev.account}`);
  expectThat(keys.prod.account === 'acct:prod', `the account of Prod is ${keys.prod.account}`);
  const about = (credential: string, status: number) => ({ path: '/v1/key', credential, status });
  await expectAnswers(dev.root, [about(keys.dev.server, 200), about(keys.prod.server, 401)]);
  await expectAnswers(prod.root, [about(keys.prod.server, 200), about(keys.dev.server, 401)]);
}

interface Chain {
  readonly life: Life;
  readonly upstream: FakeProvider;
  readonly step: Step;
  /** The folder of today's stacks. */
  readonly today: string;
}

interface OfStage {
  readonly stage: Stack;
  readonly keys: Keys;
}

/** A stage that serves, is changed, and goes on with restored tables. Returns the folder of the last stack. */
async function stageLives(chain: Chain & OfStage): Promise<string> {
  const { life, stage, keys, upstream, step, today } = chain;
  await step("set a provider's key", async () => {
    const setKey = (secret: string) =>
      hallpass(life, ['provider', 'set-key', 'upstream', '--stack', 'Dev'], { input: secret });
    await setKey('up-mistyped');
    await setKey('up-dev');
    await expectUpstream(stage, keys, upstream, 'up-dev');
  });
  await step('requests of every kind', () => serves(stage, keys));
  await step('tokens, limits, blocks, revocation', () => tokensAreHeld(life, stage, keys));
  await step('the books are in order', () => hallpass(life, ['usage', 'audit', '--stack', 'Dev']));
  await step('without a change there is no difference', async () => {
    const again = await synthesize(life, { name: 'again', stacks: ['Dev'] });
    await cdk(life, 'diff', ['Dev'], again);
  });
  await step('change a setting, remove a provider', async () => {
    const context = { memory: '512', without: 'upstream' };
    const changed = await synthesize(life, { name: 'changed', stacks: ['Dev'], context });
    await cdk(life, 'deploy', ['Dev'], changed);
    const { outputs } = await readStack(life, 'Dev');
    expectThat(outputs.WalletsTable === stage.outputs.WalletsTable, 'the table was replaced');
    const answer = { ...askUpstream(keys.server), status: 404, holds: 'model_not_found' };
    await expectAnswers(stage.root, [answer]);
  });
  await step('add the provider again: its key is still there', async () => {
    await cdk(life, 'deploy', ['Dev'], today);
    await expectUpstream(stage, keys, upstream, 'up-dev');
  });
  return step('restore the tables into a new stack', () => restoreTables(life, stage, keys));
}

/** The provider must get the request with this key. */
async function expectUpstream(
  { root }: Stack,
  { server }: Pick<Keys, 'server'>,
  upstream: FakeProvider,
  secret: string,
): Promise<void> {
  const seen = upstream.requests.length;
  await expectAnswers(root, [{ ...askUpstream(server), holds: 'four' }]);
  // Other stacks call it at the same time.
  const sent = upstream.requests.slice(seen).map(({ headers }) => headers.authorization);
  expectThat(sent.includes(`Bearer ${secret}`), 'the provider did not get the key that was set');
}

/** A stage beside it, with sign-in and alerts, in which a function dies. */
async function besideLives(chain: OfStage & Omit<Chain, 'upstream'>): Promise<void> {
  const { life, stage, keys, step, today } = chain;
  const expectAlarms = async (...names: readonly string[]) => {
    const alarms = (await readAlarms(life, stage, today)).join();
    expectThat(alarms === names.join(), `the alarms ${names.join()} must be on, got ${alarms}`);
  };
  const death = await step('a function dies under a request', () => dies(life, stage, keys));
  await step('sign-in begins', () => signsIn(life, stage));
  const inbox = await step('a limit is spent', async () => {
    const queueUrl = await makeInbox(life);
    await spendSmallToken(stage, keys);
    return queueUrl;
  });
  await step('the sweep closes what died and sends alerts; an alarm starts', async () => {
    await sweepsWhatDied(life, stage, death);
    await expectAlert(life, inbox, 50);
    await expectAlarms('RequestsDied');
  });
  await step('too many streams are open, and the alarm starts', async () => {
    await throttleProxy(life, stage, keys);
    await expectAlarms('RequestsDied', 'ProxyThrottles');
  });
}

/** The stack of the version before, which people use, becomes today's. */
async function upgradeLives({
  life,
  upstream,
  step,
  today,
  previous,
}: Chain & { readonly previous: Previous }): Promise<void> {
  const past = await step('use the version before', () => livesInThePast(life, previous.folder));
  await step('upgrade it', () => {
    expectOneIndexAtMost(previous.assembly, today);
    return cdk(life, 'deploy', ['Hallpass'], today);
  });
  await step('keys, tokens, spend and secrets are as before', async () => {
    const stack = await becomesToday(life, past);
    await expectUpstream(stack, { server: past.key }, upstream, 'up-before');
  });
  await step('rotate its key; the sweep deletes the secrets before', async () =>
    rotates(life, await readStack(life, 'Hallpass'), past.token),
  );
}

async function expectTablesStay({ clients }: Life, { outputs }: Stack): Promise<void> {
  const { DescribeTableCommand } = await import('@aws-sdk/client-dynamodb');
  for (const name of [outputs.KeysTable, outputs.WalletsTable, outputs.UsageTable]) {
    const { Table: table } = await clients.tables.send(
      new DescribeTableCommand({ TableName: name }),
    );
    expectThat(table?.TableStatus === 'ACTIVE', `the table ${name} did not stay`);
  }
}
