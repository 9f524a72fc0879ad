/**
 * The bodies in which the page of `hallpass console` describes a key. Flow: page > **settings** > key.
 * Invariant: an unknown field is refused, so that a misspelt rule is not ignored.
 */
import { parseDuration } from '../../core/base/duration.ts';
import { GatewayError } from '../../core/base/errors.ts';
import { isRecord, type JsonObject } from '../../core/base/json.ts';
import { parseLimit } from '../../core/base/limit-text.ts';
import {
  isName,
  isOrigin,
  KEY_NAME_CHARS_MAX,
  parseModelPatterns,
  USER_CHARS_MAX,
} from '../../core/base/names.ts';
import type { VerifierRequest } from '../../core/jwt/make-verifier.ts';
import { parseRequired } from '../../core/jwt/required-claim.ts';
import { isVerifierText, VERIFIER_ENTRIES_MAX } from '../../core/jwt/verifier-record.ts';
import type { NewKey } from '../../core/keys/key-admin.ts';
import { ORIGINS_MAX } from '../../core/keys/key-record.ts';
import type { KeySettings } from '../../core/keys/key-settings.ts';
import type { Gateway } from '../gateway/connect.ts';

/** Makes the refusal of a field. */
export const bad = (param: string, fault: string): GatewayError =>
  new GatewayError('invalid_request', { message: `"${param}" ${fault}`, param });

/** Reads a new key. A verifier makes it a client key. @throws invalid_request with the field */
export function toNewKey(
  { name, user, verifier, ...settings }: JsonObject,
  { limits, maxTokenLifetimeSeconds }: Gateway['config']['defaults'],
): NewKey {
  if (typeof name !== 'string' || !isName(name, KEY_NAME_CHARS_MAX)) {
    throw bad('name', `must be 1 to ${KEY_NAME_CHARS_MAX} characters, none a control character`);
  }
  if (user !== undefined && (typeof user !== 'string' || !isName(user, USER_CHARS_MAX))) {
    throw bad('user', `must be 1 to ${USER_CHARS_MAX} characters, none a control character`);
  }
  const defaults = { models: undefined, limits, maxTokenLifetimeSeconds };
  const rules = verifier === undefined ? undefined : toVerifier(verifier);
  return {
    name,
    ...(user !== undefined && { user }),
    ...(rules && { clientAccess: true }),
    settings: { ...defaults, ...toSettings(settings), ...(rules && { verifier: rules }) },
  };
}

/** Reads settings as the command's flags say them; an empty list removes. @throws invalid_request with the field */
export function toSettings(body: JsonObject): Partial<KeySettings> {
  const {
    limits,
    models,
    max_token_lifetime: lifetime,
    allowed_origins: origins,
    ...others
  } = body;
  requireNone(others);
  const seconds = lifetime === undefined ? undefined : parseDuration(String(lifetime));
  if (lifetime !== undefined && seconds === undefined) {
    throw bad('max_token_lifetime', 'must be a duration such as 7d');
  }
  return {
    ...(limits !== undefined && { limits: toTexts('limits', limits).map(parseLimit) }),
    ...(models !== undefined && { models: toModels(toTexts('models', models)) }),
    ...(seconds !== undefined && { maxTokenLifetimeSeconds: seconds }),
    ...(origins !== undefined && { allowedOrigins: toOrigins(origins) }),
  };
}

function requireNone(others: JsonObject): void {
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw bad(unknown, 'is unknown');
}

function toTexts(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
  throw bad(name, 'must be a list of texts');
}

function toModels(models: readonly string[]): readonly string[] | undefined {
  if (models.length === 0) return undefined;
  const patterns = parseModelPatterns(models);
  if (patterns === undefined) throw bad('models', 'must be model ids or "provider/*"');
  return patterns;
}

function toOrigins(value: unknown): readonly string[] | undefined {
  const origins = toTexts('allowed_origins', value);
  if (origins.length > ORIGINS_MAX || !origins.every(isOrigin)) {
    throw bad(
      'allowed_origins',
      `must be at most ${ORIGINS_MAX} origins such as https://app.example.edu`,
    );
  }
  return origins.length === 0 ? undefined : origins;
}

/** Reads the rules for the JWTs of a client key's users. @throws invalid_request with the field */
function toVerifier(value: unknown): VerifierRequest {
  if (!isRecord(value)) throw bad('verifier', 'must be an object');
  const {
    preset,
    jwks_url: url,
    pem,
    secret,
    issuers,
    audiences,
    azp,
    required,
    ...others
  } = value;
  requireNone(others);
  const materials = [
    ...(url === undefined ? [] : [{ kind: 'jwks', url: toText('jwks_url', url) } as const]),
    ...(pem === undefined ? [] : [{ kind: 'pem', pem: toText('pem', pem) } as const]),
    ...(secret === undefined
      ? []
      : [{ kind: 'secret', secret: toText('secret', secret) } as const]),
  ];
  const [material, second] = materials;
  if (second !== undefined) throw bad('verifier', 'must have one of jwks_url, pem and secret');
  return {
    ...(preset !== undefined && { preset: toText('preset', preset) }),
    ...(material && { material }),
    ...(issuers !== undefined && { issuers: toNames('issuers', issuers) }),
    ...(audiences !== undefined && { audiences: toNames('audiences', audiences) }),
    ...(azp !== undefined && { authorizedParties: toNames('azp', azp) }),
    ...(required !== undefined && { required: toNames('required', required).map(toRequired) }),
  };
}

function toText(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw bad(name, 'must be a text');
}

function toNames(name: string, value: unknown): readonly string[] {
  const names = toTexts(name, value);
  if (names.length <= VERIFIER_ENTRIES_MAX && names.every(isVerifierText)) return names;
  throw bad(name, `must be at most ${VERIFIER_ENTRIES_MAX} texts without control characters`);
}

function toRequired(text: string) {
  const claim = parseRequired(text);
  if (claim === undefined) throw bad('required', 'must be claim, claim=value or claim=a|b');
  return claim;
}
