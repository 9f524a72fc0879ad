import { expect, test } from 'vitest';
import { listAllChanges } from '../../../cli/keys/changes.ts';
import type { UserChangeRow } from '../../../core/account/ports.ts';
import type { KeyChange } from '../../../core/keys/ports.ts';
import { SERVER_RECORD } from '../../support/memory-keys.ts';
import { NOW_MS } from '../../support/tokens.ts';

const keyId = SERVER_RECORD.id;

/** The list of a key that was changed so often, as were its people. */
function list(changes: number, changesOfPeople: number) {
  const changeOf = (id: string): KeyChange => ({
    ...{ id, keyId, atMs: NOW_MS - 1, by: 'grace', action: 'set', fields: {} },
    ...(Number(id) > 1 && { after: String(Number(id) - 1) }),
  });
  const row: UserChangeRow = { id: 'u', keyId, atMs: NOW_MS, by: 'ann', user: 'bob', fields: '{}' };
  const gateway = {
    keys: { findChange: async (_: unknown, id: string) => changeOf(id) },
    userChanges: { list: async () => Array<UserChangeRow>(changesOfPeople).fill(row) },
  };
  return listAllChanges({ ...SERVER_RECORD, revision: String(changes) }, gateway);
}

test.each([
  [200, 1_000, 1_200, true],
  [201, 0, 200, false],
  [1, 1_001, 1_001, false],
])('of %i changes of a key and %i of its people, %i are listed; whole: %s', async (...row) => {
  const [ofKey, ofPeople, count, isWhole] = row;
  const listed = await list(ofKey, ofPeople);
  expect([listed.changes.length, listed.isWhole]).toEqual([count, isWhole]);
});
