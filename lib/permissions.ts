/**
 * The permissions of each function, one list a function. It may do nothing else.
 */
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  type IndexSchema,
  PERSON_ATTRIBUTES,
  REVOKED_LIST_ATTRIBUTES,
  TABLES,
  TOKEN_MARK_ATTRIBUTES,
} from '../adapters/table-schema.ts';
import type { Config } from '../core/config.ts';
import type { RequestSigning } from '../core/providers/provider.ts';
import { allow } from './allow.ts';
import { bedrockStatements } from './bedrock.ts';
import type { FunctionName } from './props.ts';
import type { SecretsOfGateway } from './secrets.ts';
import type { Tables } from './tables.ts';

/** The answers of an update that hold no attribute but those that it changed. */
const NO_OTHER_ATTRIBUTES = ['NONE', 'UPDATED_OLD', 'UPDATED_NEW'];

/**
 * Allows the list of revoked tokens in records, but no other attribute of a record and no pointer from a hash. Someone
 * who takes over the account function can refuse tokens, but cannot make or widen a key.
 */
const revokeInRecords = (keysTableArn: string): PolicyStatement =>
  allow('RevokeInRecords', ['dynamodb:GetItem', 'dynamodb:UpdateItem'], [keysTableArn], {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['name#*'] },
    'ForAllValues:StringEquals': { 'dynamodb:Attributes': [...REVOKED_LIST_ATTRIBUTES] },
    StringEqualsIfExists: {
      'dynamodb:Select': 'SPECIFIC_ATTRIBUTES',
      'dynamodb:ReturnValues': NO_OTHER_ATTRIBUTES,
    },
  });

/** Allows changes of some attributes of wallets, and of no other one. */
const updateInWallets = (
  sid: string,
  walletsTableArn: string,
  attributes: readonly string[],
): PolicyStatement =>
  allow(sid, ['dynamodb:UpdateItem'], [walletsTableArn], {
    'ForAllValues:StringLike': { 'dynamodb:Attributes': [...attributes] },
    StringEqualsIfExists: { 'dynamodb:ReturnValues': NO_OTHER_ATTRIBUTES },
  });

/** Allows records of keys, which hold hashes and limits, but no pointer from a hash of a key. */
const readRecords = (keysTableArn: string): PolicyStatement =>
  allow('ReadKeyRecords', ['dynamodb:GetItem'], [keysTableArn], {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['name#*'] },
  });

const TO_READ = ['kms:Decrypt', 'kms:DescribeKey'];
/** The actions that CDK grants with a table, by their names. */
const TO_WRITE = [
  'kms:Encrypt',
  'kms:GenerateDataKey',
  'kms:GenerateDataKeyWithoutPlaintext',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
];

/** Tables and secrets decrypt with the rights of who reads them. It never reaches the key but through these services. */
const useEncryptionKey = (key: IKey | undefined, actions: string[]): PolicyStatement[] =>
  key === undefined
    ? []
    : [
        allow('UseEncryptionKey', actions, [key.keyArn], {
          StringLike: { 'kms:ViaService': ['dynamodb.*', 'secretsmanager.*', 'lambda.*'] },
        }),
      ];

/**
 * Allows rows of days and of the lists of changed users, but no rollup: someone who takes over the account function
 * cannot change the sums of past days.
 */
const writeRows = (usageTableArn: string): PolicyStatement =>
  allow('WriteRows', ['dynamodb:PutItem'], [usageTableArn], {
    'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['*#????-??-??', '*#people'] },
  });

/** Allows what sends alerts: to read the secret that signs them, and to publish to the topic. */
const sendAlerts = (
  { webhook, topicArn }: Config['alerts'],
  { alertArn }: SecretsOfGateway,
): PolicyStatement[] => [
  ...(webhook === undefined
    ? []
    : [allow('ReadAlertSecret', ['secretsmanager:GetSecretValue'], [alertArn])]),
  ...(topicArn === undefined ? [] : [allow('PublishAlerts', ['sns:Publish'], [topicArn])]),
];

/** The settings on which permissions depend. */
export interface PermissionsOptions {
  readonly tables: Tables;
  readonly secrets: SecretsOfGateway;
  /** The services that the proxy calls with its own role. */
  readonly signings: readonly RequestSigning[];
  readonly alerts: Config['alerts'];
  readonly encryptionKey?: IKey | undefined;
}

/** Returns the statements of each function. A statement without resources is left out: it would mean all. */
export function permissionsOf({
  tables,
  secrets,
  signings,
  alerts,
  encryptionKey,
}: PermissionsOptions): Readonly<Record<FunctionName, readonly PolicyStatement[]>> {
  const keys = [tables.keys.tableArn];
  const wallets = [tables.wallets.tableArn];
  const usage = [tables.usage.tableArn];
  const indexOf = ([tableArn]: string[], { name }: IndexSchema) => [`${tableArn}/index/${name}`];
  const providerSecrets = (sid: string, action: string): PolicyStatement[] =>
    secrets.providerArns.length === 0
      ? []
      : [allow(sid, [`secretsmanager:${action}`], [...secrets.providerArns])];

  // A transaction needs the permissions of its parts: draws and recalls are updates.
  const holdAndSettle = [
    allow('HoldAndSettle', ['dynamodb:GetItem', 'dynamodb:UpdateItem'], wallets),
    allow('WriteUsage', ['dynamodb:PutItem'], usage),
  ];
  const findSlices = [
    allow('FindSlices', ['dynamodb:Query'], indexOf(wallets, TABLES.wallets.slicesIndex)),
    allow('ReadSlices', ['dynamodb:BatchGetItem'], wallets),
  ];
  const readByKey = useEncryptionKey(encryptionKey, TO_READ);
  const useKey = useEncryptionKey(encryptionKey, [...TO_READ, ...TO_WRITE]);
  return {
    authorizer: [
      ...readByKey,
      allow('ReadKeys', ['dynamodb:GetItem'], keys),
      allow('ReadKeySecrets', ['secretsmanager:GetSecretValue'], [secrets.keyArns]),
    ],
    proxy: [
      ...useKey,
      ...holdAndSettle,
      ...findSlices,
      ...providerSecrets('ReadProviderSecrets', 'GetSecretValue'),
      ...bedrockStatements(signings),
    ],
    account: [
      ...useKey,
      // Marks and records of people, and counts of requests.
      allow('ReadWalletsAndMark', ['dynamodb:GetItem', 'dynamodb:UpdateItem'], wallets),
      revokeInRecords(tables.keys.tableArn),
      allow('FindUsers', ['dynamodb:Query'], indexOf(wallets, TABLES.wallets.listIndex)),
      writeRows(tables.usage.tableArn),
      allow('ReadUsage', ['dynamodb:Query'], usage),
      ...findSlices,
      // Lists models of providers that have a key. It may not read one.
      ...providerSecrets('SeeProviderSecrets', 'DescribeSecret'),
    ],
    sweep: [
      ...useKey,
      allow('FindDue', ['dynamodb:Query'], indexOf(wallets, TABLES.wallets.index)),
      ...holdAndSettle,
      allow('FindOpenDays', ['dynamodb:Query'], indexOf(usage, TABLES.usage.index)),
      allow('RollUp', ['dynamodb:Query', 'dynamodb:UpdateItem'], usage),
      allow('ReadDisabledKeys', ['dynamodb:GetItem'], keys),
      allow('DeleteSecretsOfKeys', ['secretsmanager:DeleteSecret'], [secrets.keyArns]),
      ...sendAlerts(alerts, secrets),
    ],
    // Open to anyone, so it may read nothing.
    pages: [],
    // Open to anyone, so it may read records and its own secret, and write to its own table.
    signIn:
      tables.signIn === undefined
        ? []
        : [
            ...useKey,
            readRecords(tables.keys.tableArn),
            allow('ReadPeople', ['dynamodb:GetItem'], wallets),
            // Marks of revoked tokens, and the limits that an enrolment gives. No counter and no hold.
            updateInWallets('RevokeInWallets', tables.wallets.tableArn, TOKEN_MARK_ATTRIBUTES),
            updateInWallets('GiveLimits', tables.wallets.tableArn, PERSON_ATTRIBUTES),
            allow(
              'KeepGrants',
              ['dynamodb:GetItem', 'dynamodb:UpdateItem'],
              [tables.signIn.tableArn],
            ),
            allow('ReadSignInSecret', ['secretsmanager:GetSecretValue'], [secrets.signInArn]),
          ],
  };
}
