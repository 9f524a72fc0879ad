/**
 * Keys and their changes as the commands print them.
 */
import { toWords } from '../../core/base/duration.ts';
import { formatLimit } from '../../core/base/limit-text.ts';
import { kidOf } from '../../core/jwt/kid.ts';
import { formatRequired } from '../../core/jwt/required-claim.ts';
import type { Verifier } from '../../core/jwt/verifier.ts';
import type { MadeKey } from '../../core/keys/key-admin.ts';
import { tierText, verifierFields } from '../../core/keys/key-fields.ts';
import {
  DEFAULT_CONVERSATION_HEADER,
  DEFAULT_USER_HEADER,
  type IdentityControls,
  type KeyRecord,
} from '../../core/keys/key-record.ts';
import { type Line, toInstant, toTable } from '../output.ts';
import type { ListedChange } from './changes.ts';
import { toRuleJson } from './rule-flags.ts';

/** Formats a key, without its string. */
export const toKeyJson = (record: KeyRecord, nowMs: number) => ({
  name: record.name,
  id: record.id,
  kid: kidOf(record.account, record.name),
  account: record.account,
  kind: record.kind,
  user: record.user ?? null,
  disabled: record.disabled,
  version: record.version,
  former: formerOf(record, nowMs),
  models: record.models ?? null,
  limits: record.limits.map(formatLimit),
  max_token_lifetime_seconds: record.maxTokenLifetimeSeconds,
  verifier: record.verifier === undefined ? null : toVerifierJson(record.verifier),
  identity: toIdentityJson(record.identity),
  tiers: record.tiers?.map(toRuleJson) ?? null,
  allowed_origins: record.allowedOrigins ?? null,
  expires_at: record.expiresAtMs === undefined ? null : toInstant(record.expiresAtMs),
  managed_by: record.managedBy ?? null,
  revoked_tokens: record.revoked.length,
  created_at: toInstant(record.createdAtMs),
});

/** Formats a verifier. A shared secret is shown by its version only. */
const toVerifierJson = (verifier: Verifier) => ({
  ...verifier.key,
  algorithms: verifier.algorithms,
  issuers: verifier.issuers,
  audiences: verifier.audiences,
  audience_claim: verifier.audienceClaim ?? null,
  azp: verifier.authorizedParties,
  required: verifier.required.map(formatRequired),
  require_exp: verifier.requireExp,
  clock_tolerance_seconds: verifier.clockToleranceSeconds,
});

const toIdentityJson = (identity: IdentityControls = {}) => ({
  identity_header: identity.identityHeader ?? false,
  user_header: identity.userHeader ?? DEFAULT_USER_HEADER,
  enforce_identity: identity.enforceIdentity ?? false,
  enforce_conversation: identity.enforceConversation ?? false,
  allowed_domains: identity.allowedDomains ?? [],
  trust_email: identity.trustEmail ?? false,
  conversation_header: identity.conversationHeader ?? DEFAULT_CONVERSATION_HEADER,
  identity_namespace: identity.identityNamespace ?? null,
});

/** Formats a new key, with its string. */
export const toMadeJson = ({ record, key }: MadeKey) => ({
  key,
  ...toKeyJson(record, record.createdAtMs),
});

/** Returns when the key's former string ends, if it is still valid. */
const formerOf = ({ former }: KeyRecord, nowMs: number): { until: string } | null =>
  former === undefined || former.untilMs <= nowMs ? null : { until: toInstant(former.untilMs) };

const isEnded = ({ expiresAtMs }: KeyRecord, nowMs: number): boolean =>
  expiresAtMs !== undefined && expiresAtMs <= nowMs;

const stateOf = (record: KeyRecord, nowMs: number): string => {
  if (record.disabled) return 'disabled';
  if (isEnded(record, nowMs)) return 'expired';
  return formerOf(record, nowMs) === null ? 'in force' : 'rotating';
};

const listOr = (texts: readonly string[], none: string): string =>
  texts.length === 0 ? none : texts.join(', ');

export const keyTable = (records: readonly KeyRecord[], nowMs: number): string =>
  toTable(
    ['NAME', 'KIND', 'STATE', 'MODELS', 'LIMITS', 'CREATED'],
    records.map((record) => [
      record.name,
      record.user === undefined ? record.kind : `${record.kind} (${record.user})`,
      stateOf(record, nowMs),
      listOr(record.models ?? [], 'any'),
      listOr(record.limits.map(formatLimit), 'none'),
      toInstant(record.createdAtMs),
    ]),
  );

export function keyLines(record: KeyRecord, nowMs: number): readonly Line[] {
  const former = formerOf(record, nowMs);
  return [
    ['name', record.name],
    ['kid', kidOf(record.account, record.name)],
    ['id', record.id],
    ['kind', record.kind],
    ['user', record.user],
    ['state', record.disabled ? 'disabled' : isEnded(record, nowMs) ? 'expired' : 'in force'],
    ['former', former === null ? undefined : `valid until ${former.until}`],
    ['models', listOr(record.models ?? [], 'any')],
    ['limits', listOr(record.limits.map(formatLimit), 'none')],
    ['tokens', `at most ${toWords(record.maxTokenLifetimeSeconds)}`],
    ...Object.entries(record.verifier ? verifierFields(record.verifier) : {}),
    ...identityLines(record.identity),
    ...(record.tiers ?? []).map((tier): Line => ['when', tierText(tier)]),
    ['origins', record.allowedOrigins?.join(', ')],
    ['expires', record.expiresAtMs === undefined ? undefined : toInstant(record.expiresAtMs)],
    ['managed by', record.managedBy],
    ['revoked', `${record.revoked.length} by jti`],
    ['created', toInstant(record.createdAtMs)],
  ];
}

/** Lists the controls that are on. */
function identityLines(identity: IdentityControls = {}): readonly Line[] {
  const { userHeader = DEFAULT_USER_HEADER, allowedDomains = [] } = identity;
  const when = (isOn: unknown, words: string) => (isOn ? words : undefined);
  return [
    ['user header', when(identity.identityHeader, userHeader)],
    ['identity', when(identity.enforceIdentity, 'enforced')],
    ['conversation', when(identity.enforceConversation, 'enforced')],
    ['domains', when(allowedDomains.length > 0, allowedDomains.join(', '))],
    ['e-mail of JWTs', when(identity.trustEmail, 'trusted')],
    ['conversation header', identity.conversationHeader],
    ['users', when(identity.identityNamespace, 'joined by verified e-mail')],
  ];
}

export const toChangeJson = ({ id, atMs, by, action, fields }: ListedChange) => ({
  id,
  at: toInstant(atMs),
  by,
  action,
  fields,
});

export const changeTable = (changes: readonly ListedChange[]): string =>
  toTable(
    ['AT', 'BY', 'ACTION', 'WHAT'],
    changes.map(({ atMs, by, action, fields }) => [
      toInstant(atMs),
      by,
      action,
      Object.entries(fields)
        .map(([name, text]) => `${name}: ${text}`)
        .join('; '),
    ]),
  );
