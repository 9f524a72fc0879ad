import { expect, test } from 'vitest';
import { type AwsCall, AwsCallError } from '../../../adapters/aws/aws-call.ts';
import { makeProviderKeyLook } from '../../../adapters/aws/provider-key-look.ts';
import { makeManualClock } from '../../support/wallet-fixtures.ts';

const failing =
  (name: string): AwsCall =>
  async (operation) => {
    throw new AwsCallError(name, operation, 400);
  };

test.each<[string, AwsCall, boolean]>([
  [
    'that has a value has a key',
    async () => ({ VersionIdsToStages: { v1: ['AWSCURRENT'] } }),
    true,
  ],
  ['without a value has none', async () => ({ Name: 'p/provider/openai' }), false],
  [
    'that is being deleted has none',
    async () => ({ VersionIdsToStages: { v1: ['AWSCURRENT'] }, DeletedDate: 1_795_176_000 }),
    false,
  ],
  ['that is not there has none', failing('ResourceNotFoundException'), false],
  ['that cannot be looked at has one', failing('InternalServiceError'), true],
])('a secret %s', async (_, call, hasKey) => {
  expect(await makeProviderKeyLook(call, 'p', makeManualClock())('openai')).toBe(hasKey);
});

test('a secret is looked at once a minute, by its name, and its value is never read', async () => {
  const calls: unknown[] = [];
  const clock = makeManualClock();
  const call: AwsCall = async (...asked) => {
    calls.push(asked.slice(0, 2));
    return {};
  };
  const hasKey = makeProviderKeyLook(call, 'p', clock);
  await hasKey('openai');
  await hasKey('openai');
  clock.advance(60_000);
  await hasKey('openai');
  expect(calls).toEqual([
    ['DescribeSecret', { SecretId: 'p/provider/openai' }],
    ['DescribeSecret', { SecretId: 'p/provider/openai' }],
  ]);
});
