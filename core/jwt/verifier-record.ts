/**
 * A verifier as plain JSON in a key's record. Flow: table > **record** > verify.
 * Invariant: a verifier that cannot be read, or has a field that this version does not know, is refused.
 */
import * as v from 'valibot';
import { isName } from '../base/names.ts';
import { algorithmsOfKind } from './key-material.ts';

/** The most issuers, audiences, authorized parties, required claims, and values of one claim. */
export const VERIFIER_ENTRIES_MAX = 32;

/** The longest issuer, audience, name or value of a claim, and URL of a key set. */
export const VERIFIER_CHARS_MAX = 512;
export const CLOCK_TOLERANCE_MAX_SECONDS = 60;

/** A certificate with an RSA key of 4096 bits has about 2,000 characters. */
const PEM_CHARS_MAX = 16_384;

/** True for a text that may be an issuer, an audience, an authorized party or the name of a claim. */
export const isVerifierText = (text: string): boolean => isName(text, VERIFIER_CHARS_MAX);

const text = v.pipe(v.string(), v.check(isVerifierText));
const texts = v.pipe(v.array(text), v.maxLength(VERIFIER_ENTRIES_MAX));

const keySchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('secret'),
    version: v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/)),
  }),
  v.strictObject({
    kind: v.literal('pem'),
    pem: v.pipe(v.string(), v.minLength(1), v.maxLength(PEM_CHARS_MAX)),
  }),
  v.strictObject({ kind: v.literal('jwks'), url: text }),
]);

/** The schema of a verifier. Unknown fields are errors, as are algorithms that the kind of key cannot serve. */
export const verifierSchema = v.pipe(
  v.strictObject({
    key: keySchema,
    algorithms: v.pipe(
      v.array(v.picklist([...algorithmsOfKind('secret'), ...algorithmsOfKind('jwks')])),
      v.minLength(1),
    ),
    issuers: texts,
    audiences: texts,
    audienceClaim: v.exactOptional(text),
    authorizedParties: texts,
    required: v.pipe(
      v.array(
        v.strictObject({
          claim: text,
          values: v.pipe(
            v.array(
              v.union([
                v.pipe(v.string(), v.maxLength(VERIFIER_CHARS_MAX)),
                v.pipe(v.number(), v.finite()),
                v.boolean(),
              ]),
            ),
            v.maxLength(VERIFIER_ENTRIES_MAX),
          ),
        }),
      ),
      v.maxLength(VERIFIER_ENTRIES_MAX),
    ),
    requireExp: v.boolean(),
    clockToleranceSeconds: v.pipe(
      v.number(),
      v.integer(),
      v.minValue(0),
      v.maxValue(CLOCK_TOLERANCE_MAX_SECONDS),
    ),
  }),
  v.check(({ key, algorithms }) => {
    const allowed = algorithmsOfKind(key.kind);
    return algorithms.every((algorithm) => allowed.includes(algorithm));
  }),
);
