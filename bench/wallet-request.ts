/**
 * One request of a payer as the benches play it: reserve, usage row and settle, on the tables of a gateway.
 */
import type { AwsCall } from '../adapters/aws/aws-call.ts';
import type { Environment } from '../adapters/aws/environment.ts';
import { makeUsageRows } from '../adapters/dynamodb/usage-rows.ts';
import { makeWallets } from '../adapters/dynamodb/wallets.ts';
import { systemClock, systemRandom } from '../adapters/system.ts';
import type { Grant } from '../core/access/grant.ts';
import { asKeyId, asRequestId, asTokenId, shortDigest } from '../core/base/ids.ts';
import { parseLimit } from '../core/base/limit-text.ts';
import { asNanoUsd } from '../core/base/money.ts';
import { reserve } from '../core/wallet/reserve.ts';
import { settle } from '../core/wallet/settle.ts';

const LEASE_MS = 960_000;
const HELD = { usd: asNanoUsd(640_000n), tokens: 1_000n };
const COST = { usd: asNanoUsd(320_000n), tokens: 500n };

export type WalletPorts = ReturnType<typeof makeWalletPorts>;

export const makeWalletPorts = (call: AwsCall, environment: Environment) => ({
  wallets: makeWallets(call, environment.walletsTable),
  usage: makeUsageRows(call, environment.usageTable),
  clock: systemClock,
  random: systemRandom,
});

interface GrantParts {
  readonly key: string;
  readonly student: string;
  readonly token: string;
  readonly limits: readonly string[];
}

/** Makes the grant of a student's token, which may spend a thousand dollars. */
export const makeGrant = ({ key, student, token, limits }: GrantParts): Grant => ({
  account: 'acct_bench',
  keyId: asKeyId(shortDigest(key)),
  keyName: 'bench',
  keyKind: 'server',
  credential: 'scoped-token',
  former: false,
  identity: { source: 'token', issuer: '', id: `${student}@example.edu` },
  token: {
    id: asTokenId(shortDigest(token)),
    spendingLimitNanoUsd: asNanoUsd(1_000_000_000_000n),
    issuedAtMs: 1,
    expiresAtMs: 4_102_444_800_000,
    revoked: false,
  },
  limits: limits.map(parseLimit),
  maxTokenLifetimeSeconds: 604_800,
});

/** Holds the amounts of a request whose answer takes long. */
export const holdFor = (grant: Grant, ports: WalletPorts) => {
  const requestId = asRequestId(systemRandom.uuid());
  const leaseEndsAtMs = systemClock.nowMs() + LEASE_MS;
  return reserve({ grant, requestId, amounts: HELD, leaseEndsAtMs }, ports);
};

/** Plays one request. Returns the times of its two steps, and its write units with those of the row. */
export async function playRequest(grant: Grant, ports: WalletPorts) {
  const startedMs = performance.now();
  const reserved = await holdFor(grant, ports);
  const heldMs = performance.now();
  const { hold } = reserved;
  const { walletId, requestId, attempt, reservedAtMs, counted } = hold;
  const settled = await settle(
    hold,
    {
      ...{ keyId: grant.keyId, walletId, requestId, attempt, reservedAtMs, counted },
      status: 'exact',
      cost: COST,
      overrunNanoUsd: asNanoUsd(0n),
      tokens: { input: 400, cachedInput: 0, cacheWrite: 0, output: 100, reasoning: 0 },
      provider: 'openai',
      model: 'openai/gpt-4o-mini',
      priceVersion: 'bench',
      ...(grant.token && { tokenId: grant.token.id }),
      httpStatus: 200,
      latencyMs: 5,
      firstByteMs: 4,
    },
    ports,
  );
  return {
    reserveMs: heldMs - startedMs,
    settleMs: performance.now() - heldMs,
    writeUnits: reserved.writeUnits + settled.writeUnits,
  };
}
