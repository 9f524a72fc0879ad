/**
 * The shape of `hallpass.config.ts`: read by the stack at synth and by the functions and the local gateway at start.
 * Invariant: an unknown field is an error, never ignored.
 */
import * as v from 'valibot';
import { alertsSchema } from './base/alert-settings.ts';
import { parseDuration } from './base/duration.ts';
import { limitSchema } from './base/limit-schema.ts';
import { formatLimit } from './base/limit-text.ts';
import { isDomain, isModelPattern, isName, KEY_NAME_CHARS_MAX, MODELS_MAX } from './base/names.ts';

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

const keyName = v.pipe(
  v.string(),
  v.check((text) => isName(text, KEY_NAME_CHARS_MAX), 'must be the name of a key'),
);
const claimText = v.pipe(v.string(), v.minLength(1), v.maxLength(1_024));
const domains = v.pipe(
  v.array(v.pipe(v.string(), v.check(isDomain, 'must be a lower-case domain'))),
  v.maxLength(64),
);
const models = v.pipe(
  v.array(v.pipe(v.string(), v.check(isModelPattern, 'must be a model id or "provider/*"'))),
  v.minLength(1),
  v.maxLength(MODELS_MAX),
);
const lifetime = v.pipe(
  v.string(),
  v.check((text) => (parseDuration(text) ?? 0) >= 60, 'must be a duration such as "1h", from 1m'),
);
/** `https`, or `http` on this machine, without query, fragment and a slash at its end. */
const plainUrl = v.pipe(
  v.string(),
  v.maxLength(512),
  v.regex(
    /^(https:\/\/[^\s/?#@]+|http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)(\/[^\s?#]*)?$/,
    'must be an https URL without query and fragment; http only for this machine',
  ),
);

const exchangeSchema = v.strictObject({
  /** The name that a request may give; the first part of the user's name. */
  name: v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,31}$/)),
  /** `github-actions:owner/repo#id`, `gitlab:…`, `buildkite:…`, or one of `keys create --preset`. */
  preset: v.optional(claimText),
  /** The issuer, and the URL of its keys: without a preset, or for a server of your own. @default those of the preset */
  issuer: v.optional(plainUrl),
  jwks: v.optional(plainUrl),
  /** The audience of the JWT. @default that of the preset, else `publicUrl` */
  audience: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(512))),
  /** Required claims, as `keys create --require` reads them. */
  require: v.optional(v.pipe(v.array(claimText), v.maxLength(16)), []),
  /** The key that signs. @default that of `signIn` */
  key: v.optional(keyName),
  /** @default those of the key */
  models: v.optional(models),
  /** At most `1h`. @default '1h' */
  lifetime: v.optional(lifetime, '1h'),
  /** Names the user by the JWT's e-mail address, if it is in one of `domains`. @default false */
  trustEmail: v.optional(v.boolean(), false),
  domains: v.optional(domains, []),
});

const signInSchema = v.strictObject({
  /** The URL before `/v1`, which is also the issuer. Required when deployed. @default the URL of `npm start` */
  publicUrl: v.optional(v.pipe(plainUrl, v.regex(/[^/]$/, 'must not end in a slash'))),
  /** The organisation's OpenID provider. @default none: nobody signs in with a browser */
  issuer: v.optional(plainUrl),
  clientId: v.optional(v.pipe(v.string(), v.regex(/^[!-~]{1,256}$/))),
  /** The name under which the client's secret is kept. @default a public client */
  clientSecret: v.optional(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,31}$/))),
  /** Asked for beside `openid`, `email` and `profile`; Okta's `groups`, for example. */
  scopes: v.optional(
    v.pipe(v.array(v.pipe(v.string(), v.regex(/^[!-~]{1,128}$/))), v.maxLength(16)),
    [],
  ),
  /** The server key that signs for everyone whom no rule fits. */
  key: v.optional(keyName),
  /** Domains of the e-mail addresses that may sign in. @default any that the provider vouches for */
  allowedDomains: v.optional(domains, []),
  /** Claims that everyone must have, as `keys create --require` reads them. */
  requiredClaims: v.optional(v.pipe(v.array(claimText), v.maxLength(16)), []),
  /** Rules in order: the first whose claim fits chooses the key and the models. */
  rules: v.optional(
    v.pipe(
      v.array(v.strictObject({ when: claimText, key: keyName, models: v.optional(models) })),
      v.maxLength(32),
    ),
    [],
  ),
  /** Rules by which other issuers' JWTs become tokens (RFC 8693). */
  exchange: v.optional(v.pipe(v.array(exchangeSchema), v.maxLength(32)), []),
  /** @default 1 hour where the client refreshes, 12 hours for the page; never more than the key's */
  tokenLifetime: v.optional(lifetime),
  /** Lets what a device was given be refreshed. @default false: it ends after an hour */
  deviceRefresh: v.optional(v.boolean(), false),
  /** Sends `verification_uri_complete`, so that nobody types the code. It makes phishing easier. @default false */
  deviceUriComplete: v.optional(v.boolean(), false),
});

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
      limits: v.optional(v.array(limitSchema), []),
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
  /** Alerts when a USD limit of a user, token or key is used up to a level. */
  alerts: v.optional(alertsSchema, {}),
  /** Origins of web pages that may call; `*` is any. @default any */
  allowedOrigins: v.optional(v.array(v.string()), ['*']),
  /** Serves the built-in model `demo/echo`. @default true */
  demo: v.optional(v.boolean(), true),
  /** Serves the pages `/`, `/me` and `/console`, and `/SKILL.md` and `/llms.txt`, to anyone. @default true */
  pages: v.optional(v.boolean(), true),
  /** Sign-in (docs/sign-in.md). @default nobody signs in */
  signIn: v.optional(signInSchema),
});

/** The configuration as it is written. */
export type ConfigInput = v.InferInput<typeof configSchema>;

export type PriceOverride = v.InferOutput<typeof priceSchema>;

/** Sign-in as it is configured. */
export type SignInConfig = v.InferOutput<typeof signInSchema>;

/** A model of the price table that has the same price. */
export type PricedAs = v.InferOutput<typeof pricedAs>;

/** The checked configuration, with its defaults. */
export type Config = v.InferOutput<typeof configSchema>;

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
  const config = result.output;
  const { defaultProvider, providers } = config;
  if (defaultProvider !== undefined && !(defaultProvider in providers)) {
    throw new TypeError(
      `hallpass.config.ts: "defaultProvider" must be one of ${Object.keys(providers).join(', ')}, got "${defaultProvider}"`,
    );
  }
  requireWholeSignIn(config.signIn);
  return config;
}

/** Refuses a half of what belongs together. */
function requireWholeSignIn(signIn: SignInConfig | undefined): void {
  if (signIn === undefined) return;
  const { issuer, clientId, key, rules, exchange } = signIn;
  const refuse = (text: string): never => {
    throw new TypeError(`hallpass.config.ts: "signIn" ${text}`);
  };
  if ((issuer === undefined) !== (clientId === undefined)) {
    refuse('must have both "issuer" and "clientId", or neither');
  }
  if (
    key === undefined &&
    (rules.length === 0 || exchange.some((rule) => rule.key === undefined))
  ) {
    refuse('must name a "key", or one in each of its rules');
  }
  const names = exchange.map(({ name }) => name);
  if (new Set(names).size < names.length) refuse('must give each rule of "exchange" its own name');
  for (const { name, preset, issuer: from, jwks } of exchange) {
    if (preset === undefined && (from === undefined || jwks === undefined)) {
      refuse(`must have in its rule "${name}" a "preset", or both "issuer" and "jwks"`);
    }
  }
}
