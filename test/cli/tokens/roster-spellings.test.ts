/**
 * A student whose token was revoked under another spelling of their address: they are never handed that allowance again.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeWalletMarks } from '../../../adapters/dynamodb/marks.ts';
import { sets, updateItem } from '../../../adapters/dynamodb/update.ts';
import { toNumber } from '../../../adapters/dynamodb/values.ts';
import { asKeyId } from '../../../core/base/ids.ts';
import { tokenIdOf } from '../../../core/tokens/scoped-claims.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import { runHere } from '../../support/hallpass-command.ts';
import { startTestGateway, type TestGateway } from '../../support/local-gateway.ts';
import { makeTemporaryFolder } from '../../support/temporary-folder.ts';

const folder = makeTemporaryFolder();
let gateway: TestGateway;
let keyId: ReturnType<typeof asKeyId>;

beforeAll(async () => {
  gateway = await startTestGateway({ data: folder });
  const { stdout } = await runHere(['keys', 'show', 'demo', '--json', '--data', folder]);
  keyId = asKeyId(JSON.parse(stdout).id);
  const rows = [
    'email',
    'Ada@Example.EDU',
    'Bea@Example.EDU',
    'Ünal@example.edu',
    'cy@example.edu',
  ];
  await writeFile(join(folder, 'students.csv'), `${rows.join('\n')}\n`);
});
afterAll(() => gateway.close());

/** Issues the roster, and returns the `jti` and the limit of a student's token. */
async function issue(email: string, ...args: string[]): Promise<readonly unknown[]> {
  const out = join(folder, 'tokens.csv');
  const files = ['--roster', join(folder, 'students.csv'), '--out', out];
  const { status, stderr } = await runHere(
    ['tokens', 'issue', ...files, '--expires', '1d', '--period', 'w1', '--limit-usd', '2', ...args],
    { variables: { HALLPASS_KEY: gateway.key, HALLPASS_KEY_ID: gateway.kid } },
  );
  expect(status, stderr).toBe(0);
  const lines = (await readFile(out, 'utf8')).split('\n');
  const token = lines.find((line) => line.startsWith(email))?.split(',')[3] ?? '';
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  return [claims.jti, claims.spending_limit];
}

const ways = () =>
  [
    ['--data', folder],
    ['--url', gateway.url],
  ] as const;

/** Marks a token as revoked in the wallet of a spelling, after it spent half a dollar there. */
async function revokeIn(user: string, jti: string): Promise<void> {
  const { call } = gateway.tables;
  const { walletsTable } = gateway.environment;
  const walletId = walletIdOf({
    account: gateway.account,
    keyId,
    identity: { source: 'token', issuer: '', id: user },
  });
  const id = tokenIdOf(jti, '');
  await makeWalletMarks(call, walletsTable).revokeToken(walletId, id, Date.now() + 86_400_000);
  await updateItem(call, walletsTable, walletId, {
    set: [sets(`t:${id}:usd:total`, toNumber(500_000_000n))],
  });
}

describe.each([
  ['ada@example.edu', 'in the wallet of the spelling', 'Ada@Example.EDU', 'w1:ada@example.edu'],
  ['bea@example.edu', 'under a name of the spelling', 'Bea@Example.EDU', 'w1:Bea@Example.EDU'],
  [
    'Ünal@example.edu',
    'as the version before spelled it',
    'ünal@example.edu',
    'w1:ünal@example.edu',
  ],
])('a token of %s that was revoked %s', (email, _, user, jti) => {
  test('is replaced by one with the rest of the allowance, which --replace replaces again', async () => {
    await revokeIn(user, jti);
    for (const way of ways()) {
      expect(await issue(email, ...way)).toEqual([`w1:${email}:2`, 1.5]);
    }
    expect(await issue(email, ...ways()[0], '--replace', email)).toEqual([`w1:${email}:3`, 1.5]);
  });
});

test("a token that is on its key's list of revoked tokens is not handed out again", async () => {
  const revoked = ['tokens', 'revoke', '--jti', 'w1:cy@example.edu', '--key', 'demo'];
  expect((await runHere([...revoked, '--data', folder])).status).toBe(0);
  for (const way of ways()) {
    expect(await issue('cy@example.edu', ...way)).toEqual(['w1:cy@example.edu:2', 2]);
  }
});
