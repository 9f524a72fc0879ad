/**
 * Tables that are restored after a mistake, into a stack that goes on with them.
 */
import { readStack, type Stack } from './aws.ts';
import { askChat, expectAnswers, type Keys, send } from './requests.ts';
import { cdk, expectThat, type Life, synthesize } from './tools.ts';

const TABLES = ['KeysTable', 'WalletsTable', 'UsageTable'] as const;

/** Restores the tables of a stack, and deploys a new one on them. Returns the folder that it was synthesized to. */
export async function restoreTables(life: Life, stage: Stack, { server }: Keys): Promise<string> {
  const issued = await send(stage.root, {
    path: '/v1/scoped-jwt',
    credential: server,
    body: { spending_limit: 1, user: 'eve@example.edu', expires_delta: 3600 },
  });
  const { token } = JSON.parse(issued.text);
  await expectAnswers(stage.root, [{ ...askChat(token), holds: 'echo: hello' }]);
  const usageAt = async ({ root }: Stack, credential: string) =>
    (await expectAnswers(root, [{ path: '/v1/usage?group_by=user,model', credential }]))[0]?.text;
  const usage = await usageAt(stage, server);

  const names = await restore(life, stage);
  // The mistake that comes after the second that is restored.
  await expectAnswers(stage.root, [
    { path: '/v1/scoped-jwt?user=eve@example.edu', method: 'DELETE', credential: server },
    { ...askChat(token), status: 401, holds: 'token_revoked' },
  ]);
  const { SecretPrefix: secretPrefix, Deployment: deployment } = stage.outputs;
  const existing = JSON.stringify({
    keysTable: names.KeysTable,
    walletsTable: names.WalletsTable,
    usageTable: names.UsageTable,
    secretPrefix,
    deployment,
  });
  const assembly = await synthesize(life, {
    name: 'restored',
    stacks: ['Restored'],
    context: { existing },
  });
  await cdk(life, 'deploy', ['Restored'], assembly);
  const restored = await readStack(life, 'Restored');
  expectThat((await usageAt(restored, server)) === usage, 'the usage differs after the restore');
  await expectAnswers(restored.root, [
    { ...askChat(server), holds: 'echo: hello' },
    { ...askChat(token, { stream: true }), holds: '[DONE]' },
  ]);
  return assembly;
}

/** As docs/operations.md says. Returns the new tables by the outputs of the old ones. */
async function restore({ clients }: Life, { outputs }: Stack): Promise<Record<string, string>> {
  const { RestoreTableToPointInTimeCommand } = await import('@aws-sdk/client-dynamodb');
  const names: Record<string, string> = {};
  for (const output of TABLES) {
    const name = `${output.toLowerCase()}-restored`;
    await clients.tables.send(
      new RestoreTableToPointInTimeCommand({
        SourceTableName: outputs[output],
        TargetTableName: name,
        UseLatestRestorableTime: true,
      }),
    );
    names[output] = name;
  }
  return names;
}
