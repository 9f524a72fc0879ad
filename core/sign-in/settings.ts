/**
 * The settings of sign-in, read from the configuration once. Flow: configuration > **settings** > every route.
 * Invariant: a rule that cannot be read stops the start; it is never left out.
 */
import { parseDuration } from '../base/duration.ts';
import type { SignInConfig } from '../config.ts';
import { CI_PRESET_FORMS, parseCiPreset } from '../jwt/ci-presets.ts';
import { type Preset, parsePreset } from '../jwt/presets.ts';
import { parseRequired } from '../jwt/required-claim.ts';
import type { RequiredClaim, Verifier } from '../jwt/verifier.ts';

/** A rule by which JWTs of one issuer become tokens. */
export interface ExchangeRule {
  readonly name: string;
  /** Its audiences are empty where the gateway's URL is the audience. */
  readonly verifier: Verifier;
  /** One of these lists of claims must fit as a whole. */
  readonly anyOf: readonly (readonly RequiredClaim[])[];
  /** True: the workflow goes on after its JWT has expired, and so may the token. */
  readonly isCi: boolean;
  readonly keyName: string;
  readonly models?: readonly string[] | undefined;
  readonly lifetimeSeconds: number;
  readonly trustEmail: boolean;
  readonly domains: readonly string[];
}

export interface SignInSettings {
  /** Undefined: nobody signs in with a browser. */
  readonly provider: { readonly issuer: string; readonly clientId: string } | undefined;
  readonly allowedDomains: readonly string[];
  readonly requiredClaims: readonly RequiredClaim[];
  readonly rules: readonly PersonRule[];
  /** The key of those whom no rule fits; undefined: they have no access. */
  readonly keyName: string | undefined;
  /** The life of a token for the page, and of one that a client refreshes. */
  readonly pageLifetimeSeconds: number;
  readonly clientLifetimeSeconds: number;
  readonly deviceRefresh: boolean;
  readonly deviceUriComplete: boolean;
  readonly exchange: readonly ExchangeRule[];
  /** The names of all keys that sign, each once. */
  readonly keyNames: readonly string[];
}

interface PersonRule {
  readonly when: RequiredClaim;
  readonly keyName: string;
  readonly models?: readonly string[] | undefined;
}

const EXCHANGE_LIFETIME_MAX_SECONDS = 3_600;
const CLOCK_TOLERANCE_SECONDS = 5;

const refuse = (rule: string, text: string): TypeError =>
  new TypeError(`hallpass.config.ts: "signIn" in its rule "${rule}" ${text}`);

const PAGE_LIFETIME_SECONDS = 43_200;
const CLIENT_LIFETIME_SECONDS = 3_600;

/** @throws TypeError that names the rule and what is allowed */
export function parseSignIn(config: SignInConfig): SignInSettings {
  const { issuer, clientId, allowedDomains, key, tokenLifetime } = config;
  if (issuer !== undefined && EVERY_TENANT.test(issuer)) {
    throw new TypeError(
      'hallpass.config.ts: "signIn.issuer" must name one tenant of Entra by its id',
    );
  }
  if (issuer === GOOGLE && allowedDomains.length === 0 && config.requiredClaims.length === 0) {
    throw new TypeError(
      'hallpass.config.ts: "signIn" must list "allowedDomains" with the issuer of Google, at which anyone has an account',
    );
  }
  const own = tokenLifetime === undefined ? undefined : parseDuration(tokenLifetime);
  const rules = config.rules.map(({ when, key: keyName, models }) => ({
    when: requireClaim('rules', when),
    keyName,
    models,
  }));
  const exchange = config.exchange.map((rule) => toExchangeRule(rule, key));
  const ofRules = [...rules, ...exchange].map(({ keyName }) => keyName);
  return {
    provider: issuer === undefined || clientId === undefined ? undefined : { issuer, clientId },
    allowedDomains,
    requiredClaims: config.requiredClaims.map((text) => requireClaim('requiredClaims', text)),
    rules,
    keyName: key,
    pageLifetimeSeconds: own ?? PAGE_LIFETIME_SECONDS,
    clientLifetimeSeconds: own ?? CLIENT_LIFETIME_SECONDS,
    deviceRefresh: config.deviceRefresh,
    deviceUriComplete: config.deviceUriComplete,
    exchange,
    keyNames: [...new Set(key === undefined ? ofRules : [key, ...ofRules])],
  };
}

const GOOGLE = 'https://accounts.google.com';
/** Issuers that sign for all tenants of Entra. */
const EVERY_TENANT =
  /^https:\/\/login\.microsoftonline\.[a-z]+\/(common|organizations|consumers|\{tenantid\})\//;

type RuleConfig = SignInConfig['exchange'][number];

function toExchangeRule(rule: RuleConfig, usualKey: string | undefined): ExchangeRule {
  const { name, key = usualKey, models, trustEmail, domains, lifetime } = rule;
  if (key === undefined) throw refuse(name, 'must name a "key"');
  if (trustEmail && domains.length === 0) {
    throw refuse(name, 'must list the "domains" whose e-mail addresses it trusts');
  }
  const lifetimeSeconds = parseDuration(lifetime) ?? 0;
  if (lifetimeSeconds > EXCHANGE_LIFETIME_MAX_SECONDS) {
    throw refuse(name, `must have a "lifetime" of at most 1h, got "${lifetime}"`);
  }
  return { name, keyName: key, models, lifetimeSeconds, trustEmail, domains, ...toVerifier(rule) };
}

function toVerifier(rule: RuleConfig): Pick<ExchangeRule, 'verifier' | 'anyOf' | 'isCi'> {
  const { name, preset, issuer, jwks, audience } = rule;
  const ci = preset === undefined ? undefined : parseCiPreset(preset);
  const base = ci?.preset ?? (preset === undefined ? ownRules(rule) : readPreset(name, preset));
  const verifier: Verifier = {
    ...base,
    ...(issuer !== undefined && { issuers: [issuer] }),
    ...(jwks !== undefined && { key: { kind: 'jwks', url: jwks } }),
    ...(audience !== undefined && { audiences: [audience] }),
    required: [...base.required, ...rule.require.map((text) => requireClaim(name, text))],
    requireExp: true,
    clockToleranceSeconds: CLOCK_TOLERANCE_SECONDS,
  };
  return { verifier, anyOf: ci?.anyOf ?? [], isCi: ci !== undefined };
}

/** The rules of an issuer that has no preset. */
function ownRules({ name, issuer, jwks }: RuleConfig): Preset {
  if (issuer === undefined || jwks === undefined) throw refuse(name, 'must have an issuer');
  return {
    key: { kind: 'jwks', url: jwks },
    algorithms: ['RS256', 'ES256', 'PS256', 'EdDSA'],
    issuers: [issuer],
    audiences: [],
    authorizedParties: [],
    required: [],
    requireExp: true,
  };
}

function readPreset(name: string, preset: string): Preset {
  try {
    return parsePreset(preset);
  } catch (error) {
    const reason = error instanceof Error ? error.message : '';
    throw refuse(name, `has a preset that cannot be read: ${reason}, or ${CI_PRESET_FORMS}`);
  }
}

function requireClaim(rule: string, text: string): RequiredClaim {
  const claim = parseRequired(text);
  if (claim === undefined) throw refuse(rule, 'must have claims such as "groups=staff|faculty"');
  return claim;
}
