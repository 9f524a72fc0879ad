/** The proxy's flow with everything outside in memory. */

import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Grant } from '../../core/access/grant.ts';
import { asRequestId, type RequestId } from '../../core/base/ids.ts';
import type { LogEntry } from '../../core/base/ports.ts';
import { type Config, defineConfig } from '../../core/config.ts';
import { CHAT } from '../../core/dialects/chat/chat.ts';
import type { Dialect } from '../../core/dialects/dialect.ts';
import { makePriceBook } from '../../core/models/pricing.ts';
import { makeDemo } from '../../core/providers/demo/demo.ts';
import type { UpstreamRequest, UpstreamResponse } from '../../core/providers/ports.ts';
import type { ProxyAnswer } from '../../core/proxy/late-answer.ts';
import { type ProxyPorts, serve } from '../../core/serve.ts';
import { walletIdOf } from '../../core/wallet/payer.ts';
import type { Wallet } from '../../core/wallet/ports.ts';
import type { UsageRow } from '../../core/wallet/usage-row.ts';
import { makeMemoryUsage } from './memory-usage.ts';
import { makeMemoryWallets } from './memory-wallets.ts';
import { fixedRandom, makeGrant, makeManualClock, NOW_MS } from './wallet-fixtures.ts';

export const PROVIDER_KEY = 'sk-provider-canary';
export const REQUEST_ID = asRequestId('r1');

/** Input is free and output costs a thousand nano-dollars a token, so that holds are round numbers. */
const OUTPUT_ONLY = { inputUsdPerMillion: 0, outputUsdPerMillion: 1 };

export const config = defineConfig({
  providers: {
    openai: {},
    openrouter: {},
    mistral: {},
    ollama: {},
    groq: {},
    bedrock: { region: 'us-east-1', auth: 'aws-role' },
  },
  prices: {
    'openai/m': OUTPUT_ONLY,
    'openrouter/m': OUTPUT_ONLY,
    'bedrock/m': OUTPUT_ONLY,
    'openai/windowed': { ...OUTPUT_ONLY, contextWindow: 1_000 },
    'openai/cached': {
      ...{ inputUsdPerMillion: 1, outputUsdPerMillion: 1 },
      cachedInputUsdPerMillion: 0.1,
    },
    'openai/both': { inputUsdPerMillion: 1, outputUsdPerMillion: 1 },
  },
});

/** The provider's answer: reads, and errors that come instead of one. */
export interface Script {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly reads?: readonly (string | Uint8Array | Error)[];
  /** Instead of any answer. */
  readonly failure?: Error;
}

export interface ProxyFixture {
  readonly ports: ProxyPorts;
  readonly sent: readonly UpstreamRequest[];
  readonly log: readonly LogEntry[];
  readonly rows: () => readonly UsageRow[];
  readonly wallet: (grant?: Grant) => Promise<Wallet | undefined>;
  /** True once the provider's answer was left or read to its end. */
  readonly isProviderLeft: () => boolean;
  serve(
    body: unknown,
    grant?: Grant,
    requestId?: RequestId,
    dialect?: Dialect,
  ): Promise<ProxyAnswer>;
}

export const CAPPED: Grant = makeGrant(['token:usd:total=1']);
export const UNCAPPED: Grant = makeGrant([]);

export function makeProxy(
  script: Script = {},
  overrides: Partial<ProxyPorts> = {},
  defaults: Partial<Config['defaults']> = {},
): ProxyFixture {
  const clock = makeManualClock();
  const wallets = makeMemoryWallets();
  const usage = makeMemoryUsage();
  const sent: UpstreamRequest[] = [];
  const log: LogEntry[] = [];
  let isProviderLeft = false;
  async function* play(): AsyncGenerator<Uint8Array> {
    try {
      for (const read of script.reads ?? []) {
        if (read instanceof Error) throw read;
        clock.advance(1);
        yield Buffer.from(read as string);
      }
    } finally {
      isProviderLeft = true;
    }
  }
  const ports: ProxyPorts = {
    wallets,
    usage,
    clock,
    random: fixedRandom,
    log: { write: (entry) => log.push(entry) },
    secrets: {
      readKey: async () => '',
      readJwtSecret: async () => new Uint8Array(),
      findProviderKey: async (name) => (name === 'mistral' ? undefined : PROVIDER_KEY),
    },
    upstream: {
      async send(request): Promise<UpstreamResponse> {
        sent.push(request);
        if (script.failure !== undefined) throw script.failure;
        return {
          status: script.status ?? 200,
          headers: script.headers ?? { 'content-type': 'text/event-stream' },
          body: play(),
        };
      },
    },
    demo: makeDemo({ clock, random: fixedRandom }),
    ...overrides,
  };
  const prices = makePriceBook({ version: 'v1', asOf: '', models: {}, rows: [] }, config.prices);
  return {
    ports,
    sent,
    log,
    rows: () => [...usage.rows.values()],
    wallet: (grant) => wallets.find(grant === undefined ? WALLET_ID_OF_ADA : walletIdOf(grant)),
    isProviderLeft: () => isProviderLeft,
    serve: (body, grant = CAPPED, requestId = REQUEST_ID, dialect = CHAT) =>
      serve(
        {
          ...CHAT_ASK,
          route: { dialect, isStreamRoute: false },
          requestId,
          grant,
          body: typeof body === 'string' ? body : JSON.stringify(body),
          deadlineAtMs: NOW_MS + 60_000,
          leaseEndsAtMs: NOW_MS + 120_000,
        },
        {
          config: { ...config, defaults: { ...config.defaults, ...defaults } },
          ...{ prices, providerUrls: {} },
        },
        ports,
      ),
  };
}

/** The route of chat completions, without a header of the client's. */
export const CHAT_ASK = { route: { dialect: CHAT, isStreamRoute: false }, headers: new Map() };

const WALLET_ID_OF_ADA = walletIdOf(CAPPED);

/** Everything a client gets. */
export async function readAnswer({ body }: ProxyAnswer): Promise<string> {
  return Buffer.isBuffer(body) ? body.toString() : text(Readable.from(body));
}

export const ask = (more: object = {}): object => ({
  model: 'openai/m',
  messages: [{ role: 'user', content: 'hi' }],
  ...more,
});
