import { expect, test } from 'vitest';
import type { AwsCall } from '../../../adapters/aws/aws-call.ts';
import { makeUserChanges } from '../../../adapters/dynamodb/user-changes.ts';
import { asKeyId } from '../../../core/base/ids.ts';

const KEY_ID = asKeyId('k'.repeat(22));

/** A page of 700 changes, in the order of their random ids. */
const pageFrom = (first: number) =>
  Array.from({ length: 700 }, (_, index) => ({
    sk: { S: `id ${first + index}` },
    at: { N: String(((first + index) * 37) % 1_400) },
    user: { S: 'token:zoe' },
  }));

// guarantee: forgotten-leaves-no-name
test('lists every change of the users of a key, the last one first', async () => {
  const call: AwsCall = async (_, input) =>
    'ExclusiveStartKey' in input
      ? { Items: pageFrom(700) }
      : { Items: pageFrom(0), LastEvaluatedKey: { pk: { S: 'a' } } };

  const rows = await makeUserChanges(call, 'usage').list(KEY_ID);

  expect(rows.map(({ atMs }) => atMs)).toEqual(
    Array.from({ length: 1_400 }, (_, at) => 1_399 - at),
  );
});

test('gives no part of a list that is longer than a command reads', async () => {
  const endless: AwsCall = async () => ({ Items: [], LastEvaluatedKey: { pk: { S: 'a' } } });

  await expect(makeUserChanges(endless, 'usage').list(KEY_ID)).rejects.toMatchObject({
    code: 'service_unavailable',
  });
});
