/**
 * An upgrade as its users see it: what they have from the version before must hold in today's.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { providerSecretName } from '../../adapters/table-schema.ts';
import { changeFunction, readStack, type Stack } from './aws.ts';
import { askChat, expectAnswers, send } from './requests.ts';
import { expectThat, hallpass, type Life } from './tools.ts';

export interface Past {
  readonly stack: Stack;
  readonly key: string;
  readonly kid: string;
  readonly account: string;
  /** A token of a user, which has spent some of its limit, and a revoked one. */
  readonly token: string;
  readonly revoked: string;
  /** In USD. */
  readonly spent: number;
}

type Template = {
  readonly Resources: Readonly<
    Record<string, { readonly Type: string; readonly Properties: Table }>
  >;
};
interface Table {
  readonly KeySchema: unknown;
  readonly GlobalSecondaryIndexes?: readonly { readonly IndexName: string }[];
}

const readTemplate = (assembly: string): Template =>
  JSON.parse(readFileSync(join(assembly, 'Hallpass.template.json'), 'utf8'));

/** The emulator makes any number of indexes in one update. CloudFormation makes or deletes one of a table. */
export function expectOneIndexAtMost(before: string, today: string): void {
  const { Resources: now } = readTemplate(today);
  for (const [id, { Type, Properties }] of Object.entries(readTemplate(before).Resources)) {
    if (Type !== 'AWS::DynamoDB::Table') continue;
    const next = now[id]?.Properties;
    const isSame = JSON.stringify(next?.KeySchema) === JSON.stringify(Properties.KeySchema);
    expectThat(isSame, `the upgrade replaces the table ${id}`);
    const [was, is] = [namesOf(Properties), namesOf(next)];
    const changed = [
      ...was.filter((name) => !is.includes(name)),
      ...is.filter((name) => !was.includes(name)),
    ];
    expectThat(changed.length <= 1, `the upgrade changes more than one index of ${id}: ${changed}`);
  }
}

const namesOf = (table?: Table): readonly string[] =>
  table?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName) ?? [];

const aboutSpend = async ({ root }: Stack, credential: string): Promise<number> =>
  JSON.parse((await send(root, { path: '/v1/key', credential })).text).data.usage;

/** Makes a key by the earlier command line, and spends by it. @param folder of the version before */
export async function livesInThePast(life: Life, folder: string): Promise<Past> {
  const stack = await readStack(life, 'Hallpass');
  const { root, outputs } = stack;
  // It knew the addresses of services by these names only. The upgrade takes them away again.
  const { url } = life.emulator;
  const variables = { AWS_ENDPOINT_URL_DYNAMODB: url, AWS_ENDPOINT_URL_SECRETS_MANAGER: url };
  for (const name of ['Authorizer', 'Proxy', 'Account']) {
    await changeFunction(life, stack.resource(`Functions${name}`), { variables });
  }
  const args = [
    'keys',
    'create',
    'course',
    '--limit',
    'user:usd:month=5',
    '--stack',
    'Hallpass',
    '--as',
    'ops',
  ];
  const { key, kid, account } = await hallpass(life, args, { cwd: folder, variables });
  const issue = async (user: string): Promise<string> => {
    const body = { models: ['demo/echo'], spending_limit: 0.5, user, expires_delta: 86_400 };
    const { text } = await send(root, { path: '/v1/scoped-jwt', credential: key, body });
    return JSON.parse(text).token;
  };
  const [token, revoked] = await Promise.all([issue('ann@example.edu'), issue('Bea')]);
  await expectAnswers(root, [
    { ...askChat(key), holds: 'echo: hello' },
    { ...askChat(token), holds: 'echo: hello' },
    { ...askChat(token, { stream: true }), holds: '[DONE]' },
    { ...askChat(revoked), holds: 'echo: hello' },
    { path: `/v1/scoped-jwt?jwtoken=${revoked}`, method: 'DELETE', credential: key },
    { ...askChat(revoked), status: 401, holds: 'token_revoked' },
  ]);
  // The version before made a secret for each provider, and its operator put the key there by hand.
  const { PutSecretValueCommand } = await import('@aws-sdk/client-secrets-manager');
  const name = providerSecretName(outputs.SecretPrefix ?? '', 'upstream');
  await life.clients.secrets.send(
    new PutSecretValueCommand({ SecretId: name, SecretString: 'up-before' }),
  );
  return { stack, key, kid, account, token, revoked, spent: await aboutSpend(stack, token) };
}

/** After the upgrade: the same tables and addresses, the same keys and tokens, and the same money is spent. */
export async function becomesToday(life: Life, past: Past): Promise<Stack> {
  const stack = await readStack(life, 'Hallpass');
  const { root, outputs } = stack;
  for (const [name, value] of Object.entries(past.stack.outputs)) {
    expectThat(outputs[name] === value, `the output ${name} was ${value}, and is ${outputs[name]}`);
  }
  expectThat(past.spent > 0, 'nothing was spent before');
  const spent = await aboutSpend(stack, past.token);
  expectThat(spent === past.spent, `${past.spent} USD were spent, and now ${spent}`);
  await expectAnswers(root, [
    { ...askChat(past.revoked), status: 401, holds: 'token_revoked' },
    { ...askChat(past.key), holds: 'echo: hello' },
    { ...askChat(past.token), holds: 'echo: hello' },
    { path: '/v1/users', credential: past.key, holds: 'ann@example.edu' },
    { path: '/me', holds: '<!doctype html>' },
  ]);
  const now = await aboutSpend(stack, past.token);
  expectThat(now > spent, 'a request after the upgrade was not counted');
  await hallpass(life, ['usage', 'audit', '--stack', 'Hallpass']);
  const shown = await hallpass(life, ['keys', 'show', 'course', '--stack', 'Hallpass']);
  expectThat(
    shown.account === past.account || past.kid.startsWith(past.account),
    'another account',
  );
  return stack;
}
