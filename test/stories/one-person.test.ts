/**
 * One person is one person, however their address is written, and nothing of before is worth more.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWalletMarks } from '../../adapters/dynamodb/marks.ts';
import { makeUsageRows } from '../../adapters/dynamodb/usage-rows.ts';
import { systemClock as clock, systemRandom as random } from '../../adapters/system.ts';
import { asKeyId, asRequestId, type WalletId } from '../../core/base/ids.ts';
import { auditUsage } from '../../core/usage/audit/audit.ts';
import { walletIdOf } from '../../core/wallet/payer.ts';
import { rowOf, settle } from '../../core/wallet/settle.ts';
import { countersToReserve } from '../../core/wallet/wallet.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { startAtNoon } from '../support/noon.ts';
import { makeHold, usd } from '../support/wallet-fixtures.ts';

startAtNoon();

let gateway: TestGateway;
let keyId: ReturnType<typeof asKeyId>;
beforeAll(async () => {
  gateway = await startTestGateway();
  const records = await gateway.tables.scan('keys');
  const demo = records.find(({ kind }) => Object(kind).S === 'server');
  keyId = asKeyId(String(Object(demo?.id).S));
});
afterAll(() => gateway.close());

const rawWallet = (user: string): WalletId =>
  walletIdOf({
    account: gateway.account,
    keyId,
    identity: { source: 'token', issuer: '', id: user },
  });

async function call(path: string, credential: string, body?: object) {
  const response = await fetch(`${gateway.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as { readonly data?: unknown } };
}
const chat = (credential: string) =>
  call('/chat/completions', credential, {
    model: 'demo/echo',
    max_tokens: 16,
    messages: [{ role: 'user', content: 'hello' }],
  });

/** Spends in the wallet of a spelling, as the version before did. */
async function spendAsBefore(user: string, nanoUsd: bigint): Promise<void> {
  const { wallets, usage } = gateway.tables;
  const hold = makeHold({
    walletId: rawWallet(user),
    requestId: asRequestId(random.uuid()),
    reservedAtMs: clock.nowMs(),
    leaseEndsAtMs: clock.nowMs() + 900_000,
    amounts: usd(nanoUsd),
    counted: [{ per: 'user', unit: 'usd', window: 'total' }],
  });
  await wallets.reserve({ hold, counters: countersToReserve(hold, []), inFlightMax: 128 });
  const row = { ...rowOf(hold, 'swept'), status: 'exact' } as const;
  await settle(hold, row, { wallets, usage, clock, random });
}

test('two spellings of an address share one wallet, and what was spent before counts', async () => {
  await spendAsBefore('Ann@X.edu', 1_000_000_000n);
  const before = await gateway.aboutKey(gateway.newToken({ user: 'Ann@X.edu' }));
  expect(before).toMatchObject({ user: 'ann@x.edu', usage: 0 });
  expect((await call('/users/token:ann@x.edu', gateway.key)).status).toBe(404);

  expect((await chat(gateway.newToken({ user: 'Ann@X.edu' }))).status).toBe(200);
  expect((await chat(gateway.newToken({ user: ' ann@x.edu' }))).status).toBe(200);

  const { body } = await call('/users/ANN@x.edu', gateway.key);
  expect(body.data).toMatchObject({ id: 'token:ann@x.edu' });
  expect(Object(body.data).usage_usd).toBeGreaterThan(1);
  expect((await gateway.tables.wallets.find(rawWallet('Ann@X.edu')))?.movedTo).toBe(
    rawWallet('ann@x.edu'),
  );
  const audit = await auditUsage(
    { keyId, createdAtMs: clock.nowMs() - 60_000 },
    {
      usage: makeUsageRows(gateway.tables.call, gateway.environment.usageTable),
      wallets: gateway.tables.wallets,
      clock,
    },
  );
  expect(audit.differences).toEqual([]);
});

test('a token that was revoked before stays revoked, on every route', async () => {
  const user = 'Bob@X.edu';
  const token = gateway.newToken({ user, iat: Math.floor(clock.nowMs() / 1000) - 60 });
  const marks = makeWalletMarks(gateway.tables.call, gateway.environment.walletsTable);
  await marks.raiseNotBefore(rawWallet(user), clock.nowMs());
  for (const path of ['/key', '/usage']) expect((await call(path, token)).status).toBe(401);
  expect((await chat(token)).status).toBe(401);
  expect((await chat(token)).status).toBe(401);
});

test('look-alike addresses stay two people', async () => {
  expect((await chat(gateway.newToken({ user: '\u212Aelvin@x.edu' }))).status).toBe(200);
  expect((await chat(gateway.newToken({ user: 'Kelvin@x.edu' }))).status).toBe(200);
  const { body } = await call('/users', gateway.key);
  const ids = (body.data as { id: string }[]).map(({ id }) => id);
  expect(ids).toContain('token:\u212Aelvin@x.edu');
  expect(ids).toContain('token:kelvin@x.edu');
});
