/**
 * The one name of an issuer that issues under two. Flow: signature > **claims** > identity.
 * Invariant: a user is one, whichever of the names their token has: who may choose would have two allowances.
 */

/** The first is what it is called here. https://developers.google.com/identity/gsi/web/guides/verify-google-id-token */
export const GOOGLE_ISSUERS = ['https://accounts.google.com', 'accounts.google.com'] as const;

/** Of Entra's first version. https://learn.microsoft.com/en-us/entra/identity-platform/access-tokens */
const ENTRA_V1 = /^https:\/\/sts\.windows\.net\/([0-9a-f-]{36})\/$/;

/** @param issuer one that a key accepts */
export function nameOfIssuer(issuer: string): string {
  if (issuer === GOOGLE_ISSUERS[1]) return GOOGLE_ISSUERS[0];
  const [, tenant] = ENTRA_V1.exec(issuer) ?? [];
  return tenant === undefined ? issuer : `https://login.microsoftonline.com/${tenant}/v2.0`;
}
