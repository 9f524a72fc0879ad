/**
 * What each function may do, and nothing else: one list a function, read next to `core/ports.ts`.
 */
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { TABLES } from '../adapters/table-schema.ts';
import type { Secrets } from './secrets.ts';
import type { Tables } from './tables.ts';

export const FUNCTION_NAMES = ['authorizer', 'proxy', 'account', 'sweep'] as const;
export type FunctionName = (typeof FUNCTION_NAMES)[number];

const allow = (sid: string, actions: string[], resources: string[]): PolicyStatement =>
  new PolicyStatement({ sid, effect: Effect.ALLOW, actions, resources });

/** Statements by function. A list without resources would mean all of them, so it is left out. */
export function permissionsOf(
  tables: Tables,
  secrets: Secrets,
): Readonly<Record<FunctionName, readonly PolicyStatement[]>> {
  const keys = [tables.keys.tableArn];
  const wallets = [tables.wallets.tableArn];
  const usage = [tables.usage.tableArn];
  const dueIndex = [`${tables.wallets.tableArn}/index/${TABLES.wallets.index.name}`];
  const slicesIndex = [`${tables.wallets.tableArn}/index/${TABLES.wallets.slicesIndex.name}`];
  const providerSecrets = secrets.providers.map((secret) => secret.secretArn);

  // A transaction needs what its parts need: draws and recalls are updates.
  const holdAndSettle = [
    allow('HoldAndSettle', ['dynamodb:GetItem', 'dynamodb:UpdateItem'], wallets),
    allow('WriteUsage', ['dynamodb:PutItem'], usage),
  ];
  const findSlices = [
    allow('FindSlices', ['dynamodb:Query'], slicesIndex),
    allow('ReadSlices', ['dynamodb:BatchGetItem'], wallets),
  ];
  return {
    authorizer: [
      allow('ReadKeys', ['dynamodb:GetItem'], keys),
      allow('ReadKeySecrets', ['secretsmanager:GetSecretValue'], [secrets.keyArns]),
    ],
    proxy: [
      ...holdAndSettle,
      ...findSlices,
      ...(providerSecrets.length === 0
        ? []
        : [allow('ReadProviderSecrets', ['secretsmanager:GetSecretValue'], providerSecrets)]),
    ],
    account: [allow('ReadWallets', ['dynamodb:GetItem'], wallets), ...findSlices],
    sweep: [allow('FindDue', ['dynamodb:Query'], dueIndex), ...holdAndSettle],
  };
}
