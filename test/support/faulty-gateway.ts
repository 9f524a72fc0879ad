/** A gateway whose tables fail as a test decides, with a provider that answers and access to the books. */
import { DUE_SHARDS } from '../../adapters/table-schema.ts';
import { asWalletId } from '../../core/base/ids.ts';
import { defineConfig } from '../../core/config.ts';
import { type SweepOutcome, sweep } from '../../core/sweep.ts';
import type { Wallet } from '../../core/wallet/ports.ts';
import { completion, type FakeProvider, jsonReply, usageOf } from './fake-provider.ts';
import { type Answer, send } from './http-client.ts';
import type { TestGateway, TestGatewayOptions } from './local-gateway.ts';
import { startProxiedGateway } from './proxied-gateway.ts';
import type { Fate, TableCall } from './table-proxy.ts';

/** Input is free; a request holds 160,000 nano-dollars for 16 tokens of output, and costs 40,000 for 4. */
const CONFIG = {
  providers: { openai: {} },
  prices: { 'openai/m': { inputUsdPerMillion: 0, outputUsdPerMillion: 10 } },
};
const LATER_MS = 7_200_000;
const SWEEP_MS = 60_000;

export interface Books {
  readonly wallet: Wallet | undefined;
  /** Nano-dollars in the counter of the token's whole life. */
  readonly spent: bigint;
  /** Nano-dollars of all rows, and how each came to be. */
  readonly billed: bigint;
  readonly statuses: readonly string[];
}

export interface FaultyGatewayOptions
  extends Pick<TestGatewayOptions, 'makeFunctions' | 'callTimeoutMs'> {
  /** Limits of the key. @default none */
  readonly limits?: readonly string[];
  /** Limit of the one token, in USD. @default 0.001 */
  readonly spendingLimit?: number;
}

export interface FaultyGateway {
  readonly gateway: TestGateway;
  readonly provider: FakeProvider;
  /** Calls of the wallets and of the rows, in the order of arrival, since the start. */
  readonly calls: readonly TableCall[];
  /** Sets how calls fail from now on; `undefined`: not at all. The table of keys never fails. */
  decide(fate: ((call: TableCall) => Fate) | undefined): void;
  readonly credential: string;
  /** Asks for one completion of at most 16 tokens. */
  ask(more?: object, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  books(): Promise<Books>;
  /** Runs the sweep as if all leases had ended. */
  sweepLater(): Promise<SweepOutcome>;
  close(): Promise<void>;
}

export async function startFaultyGateway({
  limits = [],
  spendingLimit = 0.001,
  ...options
}: FaultyGatewayOptions = {}): Promise<FaultyGateway> {
  const calls: TableCall[] = [];
  let fateOf: ((call: TableCall) => Fate) | undefined;
  const { gateway, provider, close } = await startProxiedGateway({
    ...options,
    config: defineConfig({ ...CONFIG, defaults: { limits: [...limits] } }),
    reply: jsonReply(completion('four', usageOf(1, 4))),
    decide: (call) => {
      if (call.table === 'hallpass-keys') return 'pass';
      calls.push(call);
      return fateOf?.(call) ?? 'pass';
    },
  });
  calls.length = 0;
  const credential = gateway.sign({ jti: 'faults', spending_limit: spendingLimit });
  return {
    gateway,
    provider,
    calls,
    credential,
    decide: (fate) => {
      fateOf = fate;
    },
    ask: (more = {}, headers = {}) =>
      send(`${gateway.url}/chat/completions`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${credential}`,
          'content-type': 'application/json',
          ...headers,
        },
        body: JSON.stringify({
          model: 'openai/m',
          messages: [{ role: 'user', content: 'x' }],
          max_tokens: 16,
          ...more,
        }),
      }),
    books: () => readBooks(gateway),
    sweepLater: () => {
      const nowMs = (): number => Date.now() + LATER_MS;
      return sweep(
        { ...gateway.tables, clock: { nowMs, sleep: async () => {} } },
        { shards: DUE_SHARDS, deadlineAtMs: nowMs() + SWEEP_MS },
      );
    },
    close: () => close(100),
  };
}

async function readBooks({ tables }: TestGateway): Promise<Books> {
  const items = (await tables.scan('wallets')) as { pk: { S: string } }[];
  // Beside a wallet there may be the note of its person, and marks of secrets.
  const id = items.map(({ pk }) => pk.S).find((pk) => !/^secret#|!$/.test(pk));
  const wallet = id === undefined ? undefined : await tables.wallets.find(asWalletId(id));
  const total = [...(wallet?.counters ?? [])].find(([name]) => /^t:.*:usd:total$/.test(name));
  const rows = (await tables.scan('usage')) as {
    costNanoUsd: { N: string };
    status: { S: string };
  }[];
  return {
    wallet,
    spent: total?.[1] ?? 0n,
    billed: rows.reduce((sum, row) => sum + BigInt(row.costNanoUsd.N), 0n),
    statuses: rows.map((row) => row.status.S),
  };
}
