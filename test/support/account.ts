/**
 * Calls the routes of the account function with a grant and wallets of the test.
 */

import type { Grant } from '../../core/access/grant.ts';
import { type AccountPorts, account } from '../../core/account.ts';
import { asKeyId, asRequestId, asTokenId, asWalletId } from '../../core/base/ids.ts';
import { asNanoUsd } from '../../core/base/money.ts';
import { defineConfig } from '../../core/config.ts';
import type { ListedModel } from '../../core/models/catalogue.ts';
import type { Hold } from '../../core/wallet/hold.ts';
import type { Wallet } from '../../core/wallet/ports.ts';
import type { UsageRow } from '../../core/wallet/usage-row.ts';
import { KEY } from './memory-keys.ts';
import { makeMemoryPeople } from './memory-people.ts';
import { makeMemoryUsage } from './memory-usage.ts';
import { makeMemoryWallets } from './memory-wallets.ts';
import { NOW_MS } from './tokens.ts';
import { makeWallet } from './wallet-fixtures.ts';

export const SERVER: Grant = {
  account: 'acct_test',
  keyId: asKeyId('K1'),
  keyName: 'course',
  keyKind: 'server',
  credential: 'key',
  former: false,
  limits: [],
  maxTokenLifetimeSeconds: 604_800,
};
/** The digest of `jti` and `j1`. */
export const J1 = asTokenId('6WZ-D1Bh-Gwr8Jc_ubYnmD');
export const TOKEN: Grant = {
  ...SERVER,
  credential: 'scoped-token',
  token: {
    id: J1,
    jti: 'j1',
    spendingLimitNanoUsd: asNanoUsd(2_000_000_000n),
    issuedAtMs: NOW_MS - 1000,
    expiresAtMs: NOW_MS + 1000,
    revoked: false,
  },
};

const price = (input: bigint, output: bigint) => ({
  inputNanoPerMillion: input,
  outputNanoPerMillion: output,
  cachedInputNanoPerMillion: input / 10n,
  cacheWriteNanoPerMillion: input,
});
const model = (id: string, target = id): ListedModel => ({
  id,
  target,
  provider: target.split('/')[0] ?? '',
  speaksMessages: false,
  speaksGoogle: id.includes('google') || target.startsWith('google'),
  price: price(2_500_000_000n, 10_000_000_000n),
});
const CONFIG = defineConfig({
  providers: { openai: {}, google: {}, openrouter: {} },
  aliases: { fast: 'google/gemini-2.5-flash' },
});
const CATALOGUE: readonly ListedModel[] = [
  {
    ...model('demo/echo'),
    speaksMessages: true,
    price: { ...price(1_000_000_000n, 0n), contextWindow: 128_000 },
  },
  model('fast', 'google/gemini-2.5-flash'),
  model('google/gemini-2.5-flash'),
  model('openai/gpt-5'),
  model('openrouter/meta-llama/llama-3'),
];

export const EMPTY: Wallet = makeWallet({ id: asWalletId('W') });
export const hold = (usd: bigint, tokenId = J1): Hold => ({
  walletId: asWalletId('W'),
  requestId: asRequestId('R1'),
  attempt: 1,
  reservedAtMs: NOW_MS,
  leaseEndsAtMs: NOW_MS + 1,
  amounts: { usd: asNanoUsd(usd), tokens: 10n },
  tokenId,
  counted: [
    { per: 'user', unit: 'usd', window: 'total' },
    { per: 'token', unit: 'usd', window: 'total' },
    { per: 'user', unit: 'usd', window: 'week' },
  ],
});

export interface Ask {
  readonly grant?: Grant;
  readonly wallets?: Readonly<Record<string, Wallet>>;
  readonly body?: unknown;
  readonly query?: Readonly<Record<string, string>>;
  /** @default every provider */
  readonly canAnswer?: (provider: string) => boolean;
  /** Beside the credential. */
  readonly headers?: readonly (readonly [string, readonly string[]])[];
  readonly key?: string;
  /** Ids of tokens on the key's list. */
  readonly listed?: readonly string[];
  readonly rows?: readonly UsageRow[];
  /** Gets what is marked as revoked, in order. */
  readonly marked?: unknown[];
  /** @default true */
  readonly hasSignIn?: boolean;
}
async function ask(
  route: string,
  { grant = SERVER, wallets = {}, body, query = {}, key = KEY, ...more }: Ask = {},
) {
  const [method = '', path = ''] = route.split(' ');
  const { listed = [], rows = [], marked = [], headers = [], canAnswer, hasSignIn = true } = more;
  const usage = makeMemoryUsage();
  for (const row of rows) await usage.put(row);
  const ports: AccountPorts = {
    clock: { nowMs: () => NOW_MS, sleep: async () => {} },
    random: { uuid: () => '00000000-0000-4000-8000-000000000001', fraction: () => 0 },
    people: makeMemoryPeople(new Map(), () => {
      throw new TypeError('these tests change nobody');
    }),
    userChanges: { put: async () => {}, list: async () => [], forget: async () => {} },
    wallets: {
      ...makeMemoryWallets(),
      find: async (id) => wallets[id],
      findSpilled: async () => undefined,
      findAll: async () => [],
      findDrawn: async () => 0n,
      findHolders: async () => [],
    },
    marks: {
      revokeToken: async (...mark) => {
        marked.push(['token', ...mark]);
      },
      raiseNotBefore: async (...mark) => {
        marked.push(['notBefore', ...mark]);
      },
    },
    revokedList: {
      has: async (_, tokenId) => listed.includes(tokenId),
      add: async ({ account, keyId, keyName }, entry) => {
        marked.push(['list', { account, keyId, keyName }, entry]);
      },
    },
    usage: { ...usage, readRollups: async () => ({ entries: [] }) },
    hasSignIn,
    models: { catalogue: CATALOGUE, names: { config: CONFIG, providerUrls: {} }, canAnswer },
  };
  const credential = grant.credential === 'key' ? key : 'jwt:a.b.c';
  const request = {
    method,
    path,
    query,
    headers: new Map([['authorization', [`Bearer ${credential}`]], ...headers]),
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
  };
  return account(request, grant, ports);
}
export const answerOf = ask;
export const bodyOf = async (route: string, options?: Ask) =>
  (await ask(route, options)).body ?? {};
export const errorOf = async (route: string, options?: Ask) => {
  const error = await ask(route, options).catch((thrown) => thrown);
  return { code: error.code, message: error.message, param: error.facts?.param };
};
