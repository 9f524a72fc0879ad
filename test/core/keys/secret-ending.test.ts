import { describe, expect, test } from 'vitest';
import { asKeyId } from '../../../core/base/ids.ts';
import type { KeyRecord } from '../../../core/keys/key-record.ts';
import { neededUntilMs } from '../../../core/keys/key-secret.ts';
import { endSecrets, secretOfEnding } from '../../../core/keys/secret-ending.ts';
import { SERVER_RECORD } from '../../support/memory-keys.ts';
import { NOW_MS } from '../../support/tokens.ts';

const KEY_ID = SERVER_RECORD.id;
const FIRST = { keyId: KEY_ID };
const OWN = { keyId: KEY_ID, version: 'own-2' };

describe('a secret of a key is needed', () => {
  const former = { version: '1', untilMs: NOW_MS };
  const rows: readonly (readonly [string, Partial<KeyRecord>, number, number])[] = [
    ['for ever while it holds the current version', { version: '1' }, Infinity, 0],
    ['for ever as a secret of its own', { version: 'own-2' }, 0, Infinity],
    ['to a minute after the overlap', { version: 'own-2', former }, NOW_MS + 60_000, Infinity],
    ['for ever if it holds both', { version: '2', former }, Infinity, 0],
    ['no more once the key is disabled', { version: 'own-2', former, disabled: true }, 0, 0],
    ['not at all by a personal key', { version: '1', kind: 'personal' }, 0, 0],
    ['not at all by a client key', { version: '1', kind: 'client' }, 0, 0],
  ];
  test.each(rows)('%s', (_, more, first, own) => {
    const record = { ...SERVER_RECORD, ...more };
    expect([neededUntilMs(record, FIRST), neededUntilMs(record, OWN)]).toEqual([first, own]);
  });
});

test.each([
  ['secret#AAAAAAAAAAAAAAAAAAAAAA', FIRST],
  ['secret#AAAAAAAAAAAAAAAAAAAAAA#own-2', OWN],
  ['secret#AAAAAAAAAAAAAAAAAAAAAA#jwt', undefined],
  ['secret#AAAAAAAAAAAAAAAAAAAAAA#own-2/x', undefined],
  ['secret#AAAAAAAAAAAAAAAAAAAAAA#own-2#3', undefined],
  ['AAAAAAAAAAAAAAAAAAAAAA#k', undefined],
])('the item %s of the index names a secret of a key, or none', (itemId, secret) => {
  expect(secretOfEnding(itemId)).toEqual(secret);
});

test('a sweep looks at 200 marks at most, and at none after its deadline', async () => {
  const looked: string[] = [];
  const secrets = Array.from({ length: 201 }, (_, at) => ({ keyId: asKeyId(String(at)) }));
  const ports = {
    endings: {
      claim: async ({ keyId }: { keyId: string }) => {
        looked.push(keyId);
        return undefined;
      },
      move: async () => {},
    },
    deleteSecret: async () => {},
    clock: { nowMs: () => NOW_MS },
  };
  await endSecrets(secrets, NOW_MS, ports);
  expect(looked).toHaveLength(0);
  await endSecrets(secrets, NOW_MS + 1, ports);
  expect(looked).toHaveLength(200);
});
