/**
 * Measures the three writes of a request, by each of the two adapters to AWS, through the same flow.
 */
import type { AwsCall } from '../adapters/aws/aws-call.ts';
import type { Environment } from '../adapters/aws/environment.ts';
import { callDynamoDb } from '../adapters/aws/https-call.ts';
import { callDynamoDbBySdk } from '../adapters/aws/sdk-call.ts';
import { makeUsageRows } from '../adapters/dynamodb/usage-rows.ts';
import { makeWallets } from '../adapters/dynamodb/wallets.ts';
import { systemClock, systemRandom } from '../adapters/system.ts';
import type { Grant } from '../core/access/grant.ts';
import { asKeyId, asRequestId, asTokenId } from '../core/base/ids.ts';
import { parseLimit } from '../core/base/limit-text.ts';
import { asNanoUsd } from '../core/base/money.ts';
import { reserve } from '../core/wallet/reserve.ts';
import { settle } from '../core/wallet/settle.ts';
import { percentile } from './load.ts';

export interface TableCalls {
  readonly reserveP50Micros: number;
  readonly rowP50Micros: number;
  readonly settleP50Micros: number;
  /** The three together: a request waits for all of them. */
  readonly pathP50Micros: number;
  readonly cpuMicrosPerCall: number;
  /** Write units of a request, for wallet and usage row, as the table reports them. */
  readonly writeUnits: number;
}

const CALLS_PER_REQUEST = 3;
const REQUESTS = 500;
const WARM_UP = 200;
const CALL_TIMEOUT_MS = 5_000;
const ADAPTERS = { https: callDynamoDb, sdk: callDynamoDbBySdk };

const GRANT: Grant = {
  account: 'acct_bench',
  keyId: asKeyId('bench-key-0000000000000'),
  keyName: 'bench',
  keyKind: 'server',
  credential: 'scoped-token',
  former: false,
  identity: { source: 'token', issuer: '', id: 'student@example.edu' },
  token: {
    id: asTokenId('bench-token-0000000000'),
    spendingLimitNanoUsd: asNanoUsd(1_000_000_000_000n),
    issuedAtMs: 1,
    expiresAtMs: 4_102_444_800_000,
    revoked: false,
  },
  limits: ['user:requests:hour=1000000', 'user:usd:month=1000'].map(parseLimit),
  maxTokenLifetimeSeconds: 604_800,
};

/** Plays requests one after the other and times each call to the table. */
export async function measureTableCalls(
  environment: Environment,
  kind: keyof typeof ADAPTERS,
): Promise<TableCalls> {
  const call = ADAPTERS[kind](environment, CALL_TIMEOUT_MS);
  const micros: number[] = [];
  const timed: AwsCall = async (operation, input) => {
    const startedMs = performance.now();
    const output = await call(operation, input);
    micros.push((performance.now() - startedMs) * 1000);
    return output;
  };
  const ports = {
    wallets: makeWallets(timed, environment.walletsTable),
    usage: makeUsageRows(timed, environment.usageTable),
    clock: systemClock,
    random: systemRandom,
  };
  let writeUnits = 0;
  const play = async (): Promise<void> => {
    const requestId = asRequestId(systemRandom.uuid());
    const amounts = { usd: asNanoUsd(5_000n), tokens: 500n };
    const leaseEndsAtMs = systemClock.nowMs() + 960_000;
    const reserved = await reserve({ grant: GRANT, requestId, amounts, leaseEndsAtMs }, ports);
    const { hold } = reserved;
    const settled = await settle(
      hold,
      {
        keyId: GRANT.keyId,
        walletId: hold.walletId,
        requestId,
        attempt: hold.attempt,
        reservedAtMs: hold.reservedAtMs,
        status: 'exact',
        cost: { usd: asNanoUsd(3_000n), tokens: 15n },
        overrunNanoUsd: asNanoUsd(0n),
        tokens: { input: 10, cachedInput: 0, cacheWrite: 0, output: 5, reasoning: 0 },
        provider: 'openai',
        model: 'openai/gpt-4o-mini',
        priceVersion: 'bench',
        tokenId: asTokenId('bench-token-0000000000'),
        httpStatus: 200,
        latencyMs: 5,
        firstByteMs: 4,
      },
      ports,
    );
    writeUnits += reserved.writeUnits + settled.writeUnits;
  };
  for (let each = 0; each < WARM_UP; each++) await play();
  micros.length = 0;
  writeUnits = 0;
  const before = process.cpuUsage();
  for (let each = 0; each < REQUESTS; each++) await play();
  const cpu = process.cpuUsage(before);
  const p50 = (offset: number): number =>
    percentile(
      micros.filter((_, at) => at % CALLS_PER_REQUEST === offset),
      0.5,
    );
  return {
    reserveP50Micros: p50(0),
    rowP50Micros: p50(1),
    settleP50Micros: p50(2),
    pathP50Micros: p50(0) + p50(1) + p50(2),
    cpuMicrosPerCall: (cpu.user + cpu.system) / (REQUESTS * CALLS_PER_REQUEST),
    writeUnits: writeUnits / REQUESTS,
  };
}
