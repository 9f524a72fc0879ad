/**
 * The shape of `hallpass.config.ts`: read by the stack at synth and by the functions and the local gateway at start.
 * Invariant: an unknown field is an error, never ignored.
 */
import * as v from 'valibot';
import { formatLimit, parseLimit } from './base/limit-text.ts';
import type { Limit } from './base/limits.ts';

const providerName = v.pipe(
  v.string(),
  v.regex(
    /^[a-z][a-z0-9-]{0,31}$/,
    '"providers": a name must be a lower-case word of 1 to 32 letters, digits and hyphens',
  ),
);
const modelId = v.pipe(
  v.string(),
  v.regex(/^[\w.:@/-]{1,200}$/, 'a model id must be 1 to 200 of A-Za-z0-9_.:@/-'),
);
const usdPerMillion = v.pipe(v.number(), v.minValue(0), v.maxValue(1_000_000));
const limitText = v.pipe(
  v.string(),
  v.check((text) => isLimit(text), 'must be a limit such as "user:requests:minute=20"'),
);

function isLimit(text: string): boolean {
  try {
    return formatLimit(parseLimit(text)) !== '';
  } catch {
    return false; // The check has a message of its own.
  }
}

const providerSchema = v.strictObject({
  /** The only API format to use. @default all formats of the known provider of that name, else OpenAI's */
  wire: v.optional(v.picklist(['openai', 'anthropic', 'google'])),
  /** The URL before `/chat/completions`. @default that of the known provider of this name */
  baseUrl: v.optional(v.pipe(v.string(), v.url(), v.regex(/^https?:\/\//))),
  /**
   * The secret with the API key, below the stack's prefix; or `none`; or, for Bedrock, `aws-role`: requests are signed
   * with the function's role and need no key. @default a secret of the provider's name
   */
  auth: v.optional(
    v.union([v.picklist(['none', 'aws-role']), v.strictObject({ secret: providerName })]),
  ),
  /** The AWS region, for a provider with a URL per region. @default the region in `baseUrl` */
  region: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[a-z]{2}(?:-[a-z]+)+-\d$/, '"region" must be an AWS region such as "us-east-1"'),
    ),
  ),
  /** The known provider whose rules (cap field, usage, dropped fields) apply. @default the name itself, else plain OpenAI */
  like: v.optional(providerName),
});

const priceSchema = v.strictObject({
  inputUsdPerMillion: usdPerMillion,
  outputUsdPerMillion: usdPerMillion,
  /** @default the input price */
  cachedInputUsdPerMillion: v.optional(usdPerMillion),
  /** @default the input price */
  cacheWriteUsdPerMillion: v.optional(usdPerMillion),
  /** For a provider that bills each call, beside its tokens: the most that one call can cost. @default 0 */
  usdPerCall: v.optional(usdPerMillion),
  /** In tokens; bounds input that is given by reference. */
  contextWindow: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  /** The most output tokens of one answer: no larger cap is sent under a limit. @default not known */
  maxOutputTokens: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
});

/** A model of the price table, `provider/model`, that has the same price. */
const pricedAs = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,31}\/[\w.:@/-]{1,200}$/));

const configSchema = v.strictObject({
  /** The account id in `kid` and `sub` of scoped tokens; may contain colons. @default `acct_` and a hash of the deployment's id */
  account: v.optional(v.pipe(v.string(), v.regex(/^[!-~]{1,128}$/))),
  /** Providers by their name, the part of a model id before the slash. */
  providers: v.record(providerName, providerSchema),
  /** Your own model ids: `fast` for `google/gemini-2.5-flash`. */
  aliases: v.optional(v.record(modelId, modelId), {}),
  /**
   * The provider of model ids that name none. @default the first provider with a price for the whole id, as for
   * `deepseek-ai/DeepSeek-R1`; otherwise `model_not_found`
   */
  defaultProvider: v.optional(providerName),
  /**
   * Prices that replace those of the table or add to them, by `provider/model`: rates, or a model of the table with the
   * same price, as in `'azure/my-deployment': 'openai/gpt-5'`. If the table lacks that model, the price is unknown.
   */
  prices: v.optional(v.record(modelId, v.union([priceSchema, pricedAs])), {}),
  defaults: v.optional(
    v.strictObject({
      /** Limits of keys that are made without limits. @default none */
      limits: v.optional(v.array(limitText), []),
      /** @default 604800, seven days */
      maxTokenLifetimeSeconds: v.optional(
        v.pipe(v.number(), v.integer(), v.minValue(60), v.maxValue(31_536_000)),
        604_800,
      ),
      /** Output cap in tokens, sent upstream when a capped credential gives none. @default 8192 */
      defaultMaxOutputTokens: v.optional(
        v.pipe(v.number(), v.integer(), v.minValue(16), v.maxValue(1_000_000)),
        8192,
      ),
      /**
       * Holds a prompt that was read from the provider's cache a moment ago at the price of a cache read. Then a limit can be
       * passed: by one prompt for each payer, if the cache has expired. @default false
       */
      holdAtCachePrice: v.optional(v.boolean(), false),
    }),
    {},
  ),
  /** Origins of web pages that may call; `*` is any. @default any */
  allowedOrigins: v.optional(v.array(v.string()), ['*']),
  /** Serves the built-in model `demo/echo`. @default true */
  demo: v.optional(v.boolean(), true),
  /** Serves the pages `/`, `/me` and `/console`, and `/SKILL.md` and `/llms.txt`, to anyone. @default true */
  pages: v.optional(v.boolean(), true),
});

/** The configuration as it is written. */
export type ConfigInput = v.InferInput<typeof configSchema>;

export type PriceOverride = v.InferOutput<typeof priceSchema>;

/** A model of the price table that has the same price. */
export type PricedAs = v.InferOutput<typeof pricedAs>;

/** The checked configuration, with its defaults. */
export interface Config extends Omit<v.InferOutput<typeof configSchema>, 'defaults'> {
  readonly defaults: {
    readonly limits: readonly Limit[];
    readonly maxTokenLifetimeSeconds: number;
    readonly defaultMaxOutputTokens: number;
    readonly holdAtCachePrice: boolean;
  };
}

/** Writes a checked configuration as `defineConfig` reads it, as JSON: a stack bundles it and keeps it on record. */
export const toConfigInput = ({ defaults, ...rest }: Config): ConfigInput => ({
  ...rest,
  defaults: { ...defaults, limits: defaults.limits.map(formatLimit) },
});

/**
 * Checks a configuration and fills in its defaults.
 * @throws TypeError with the path of the field and what is wrong
 */
export function defineConfig(input: ConfigInput): Config {
  const result = v.safeParse(configSchema, input);
  if (!result.success) {
    const lines = result.issues.map((issue) => `"${v.getDotPath(issue) ?? ''}": ${issue.message}`);
    throw new TypeError(`hallpass.config.ts: ${lines.join('; ')}`);
  }
  const { defaults, ...rest } = result.output;
  if (rest.defaultProvider !== undefined && !(rest.defaultProvider in rest.providers)) {
    throw new TypeError(
      `hallpass.config.ts: "defaultProvider" must be one of ${Object.keys(rest.providers).join(', ')}, got "${rest.defaultProvider}"`,
    );
  }
  return { ...rest, defaults: { ...defaults, limits: defaults.limits.map(parseLimit) } };
}
