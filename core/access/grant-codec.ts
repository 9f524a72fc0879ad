/**
 * The text form of a grant, and of a refusal, in which API Gateway passes it from the authorizer to the function.
 * Flow: authorize > **grant** > function. Invariant: decode(encode(grant)) is the grant; any other text is an outage,
 * never a grant.
 */
import * as v from 'valibot';
import { ERRORS, type ErrorCode, GatewayError } from '../base/errors.ts';
import { asKeyId, asTokenId } from '../base/ids.ts';
import { limitSchema } from '../base/limit-schema.ts';
import { formatLimit } from '../base/limit-text.ts';
import { asNanoUsd } from '../base/money.ts';
import type { Grant } from './grant.ts';

/** Writes a grant as text. Amounts are decimal text, limits as on the command line. */
export function encodeGrant(grant: Grant): string {
  const { limits, managed, token } = grant;
  return JSON.stringify({
    ...grant,
    limits: limits.map(formatLimit),
    managed: managed && { ...managed, limits: managed.limits.map(formatLimit) },
    token: token && { ...token, spendingLimitNanoUsd: token.spendingLimitNanoUsd?.toString() },
  });
}

const strings = v.array(v.string());

const tokenSchema = v.strictObject({
  id: v.pipe(v.string(), v.transform(asTokenId)),
  jti: v.exactOptional(v.string()),
  spendingLimitNanoUsd: v.exactOptional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,19}$/),
      v.transform((text) => asNanoUsd(BigInt(text))),
    ),
  ),
  models: v.exactOptional(strings),
  issuedAtMs: v.number(),
  expiresAtMs: v.number(),
  revoked: v.boolean(),
});

const keyIdSchema = v.pipe(v.string(), v.transform(asKeyId));
const keyKindSchema = v.picklist(['server', 'personal', 'client']);
const limitList = v.array(limitSchema);

const managedSchema = v.strictObject({
  keyId: keyIdSchema,
  keyName: v.string(),
  keyKind: keyKindSchema,
  limits: limitList,
  user: v.exactOptional(v.string()),
});

const grantSchema = v.strictObject({
  account: v.string(),
  keyId: keyIdSchema,
  keyName: v.string(),
  keyKind: keyKindSchema,
  credential: v.picklist(['key', 'client-access', 'scoped-token']),
  former: v.boolean(),
  identity: v.exactOptional(
    v.strictObject({
      source: v.picklist(['header', 'token', 'jwt', 'personal']),
      issuer: v.string(),
      id: v.string(),
    }),
  ),
  formerUser: v.exactOptional(v.string()),
  email: v.exactOptional(v.string()),
  token: v.exactOptional(tokenSchema),
  models: v.exactOptional(strings),
  limits: limitList,
  maxTokenLifetimeSeconds: v.number(),
  keyExpiresAtMs: v.exactOptional(v.number()),
  conversation: v.exactOptional(v.string()),
  managed: v.exactOptional(managedSchema),
  tags: v.exactOptional(v.record(v.string(), v.string())),
});

/**
 * Reads a grant.
 * @throws service_unavailable for any text that `encodeGrant` does not make
 */
export function decodeGrant(text: string): Grant {
  try {
    return v.parse(grantSchema, JSON.parse(text));
  } catch {
    throw unreadable('grant'); // Without the cause, which would quote the text.
  }
}

const unreadable = (what: string): GatewayError =>
  new GatewayError('service_unavailable', {
    detail: `the ${what} that was passed on cannot be read`,
  });

/** Writes a 400 or 403 as text, with only what its caller may read. */
export const encodeRefusal = ({ code, facts: { message, param } }: GatewayError): string =>
  JSON.stringify({ code, message, param });

const refusalSchema = v.strictObject({
  code: v.custom<ErrorCode>((value) => typeof value === 'string' && Object.hasOwn(ERRORS, value)),
  message: v.exactOptional(v.string()),
  param: v.exactOptional(v.string()),
});

/** Returns the refusal, or `service_unavailable` for any other text. The caller throws either. */
export function decodeRefusal(text: string): GatewayError {
  try {
    const { code, ...facts } = v.parse(refusalSchema, JSON.parse(text));
    return new GatewayError(code, facts);
  } catch {
    return unreadable('refusal');
  }
}
