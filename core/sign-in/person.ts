/**
 * The person who signed in, from the claims that the provider vouches for. Flow: claims > **person** > key > token.
 * Invariant: a person is a verified e-mail address; which key signs for them follows from the first rule that fits.
 */
import { domainOf } from '../access/identity.ts';
import type { JsonObject } from '../base/json.ts';
import { foldUser, isName, USER_CHARS_MAX } from '../base/names.ts';
import { fitsClaim, readEmail } from '../jwt/claims.ts';
import { denied } from './oauth-error.ts';
import { commonModels } from './scope.ts';
import type { SignInSettings } from './settings.ts';

/** A person who signed in, and what they may have. */
export interface SignedInPerson {
  /** The verified e-mail address, folded. */
  readonly user: string;
  readonly keyName: string;
  readonly models?: readonly string[] | undefined;
  /** The models that their client asked for, of which `models` holds those that they may have. */
  readonly asked?: readonly string[] | undefined;
}

/** Entra's host. The issuers of all its tenants begin with it. */
const ENTRA = /^https:\/\/login\.microsoftonline\.(com|us)\/([^/]+)\//;
const GOOGLE = 'https://accounts.google.com';

/**
 * Reads the person of a login, after the provider's signature held.
 * @throws access_denied that names what is missing, without any value
 */
export function readPerson(claims: JsonObject, settings: SignInSettings): SignedInPerson {
  const { provider, requiredClaims, allowedDomains, rules, keyName } = settings;
  if (claims.azp !== undefined && claims.azp !== provider?.clientId) {
    throw denied('the provider signed you in to another application');
  }
  requireTenant(claims, provider?.issuer ?? '');
  const user = readUser(claims, provider?.issuer ?? '');
  if (allowedDomains.length > 0 && !allowedDomains.includes(domainOf(user) ?? '')) {
    throw denied('your e-mail address is not of a domain that may sign in');
  }
  const missing = requiredClaims.find((each) => !fitsClaim(claims, each));
  if (missing !== undefined) throw denied(`you lack what "${missing.claim}" must say`);
  const rule = rules.find(({ when }) => fitsClaim(claims, when));
  const signing = rule?.keyName ?? keyName;
  if (signing === undefined) throw denied('no rule gives you access');
  return { user, keyName: signing, ...(rule?.models && { models: rule.models }) };
}

/**
 * Narrows a person to the models that their client asked for, at the login and again at each refresh.
 * @throws access_denied if none of them is left
 */
export function narrowPerson(
  person: SignedInPerson,
  asked: readonly string[] | undefined,
): SignedInPerson {
  if (asked === undefined) return person;
  const models = commonModels(asked, person.models);
  if (models.length > 0) return { ...person, models, asked };
  throw denied('you may not use the models that the client asks for');
}

function readUser(claims: JsonObject, issuer: string): string {
  const user = foldUser(readEmail(claims, false) ?? '');
  const isAddress = /^[^@\s]+@[^@\s]+$/.test(user);
  if (!isAddress || !isName(user, USER_CHARS_MAX)) {
    throw denied('the provider does not vouch for your e-mail address ("email_verified")');
  }
  // Google verifies an address once; only its own and those of a workspace stay in the same hands.
  if (issuer === GOOGLE && !user.endsWith('@gmail.com') && typeof claims.hd !== 'string') {
    throw denied('the address is not of a Google Workspace ("hd")');
  }
  return user;
}

/** The library takes any tenant of Entra where the issuer names none, so settings refuse such an issuer. */
function requireTenant({ tid }: JsonObject, issuer: string): void {
  const [, , tenant] = ENTRA.exec(issuer) ?? [];
  if (tenant !== undefined && tid !== tenant) {
    throw denied('you are of another tenant ("tid")');
  }
}
