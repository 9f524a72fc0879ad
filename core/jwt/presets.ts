/**
 * Presets: the verifiers for well-known identity providers. Flow: command > **preset** > verifier.
 * Invariant: a provider signs the tokens of all its customers with the same keys, so each preset names one customer.
 * No preset trusts an e-mail address that its provider does not call verified.
 */
import { invalidRequest } from '../base/errors.ts';
import { isDomain, isOrigin } from '../base/names.ts';
import { GOOGLE_ISSUERS } from './claims.ts';
import type { RequiredClaim, Verifier } from './verifier.ts';

/** The parts of a verifier that a preset sets. */
export type Preset = Omit<Verifier, 'clockToleranceSeconds'>;

interface PresetParts {
  readonly url: string;
  readonly algorithms?: Verifier['algorithms'];
  readonly issuers: readonly string[];
  readonly audiences?: readonly string[];
  readonly audienceClaim?: string;
  readonly authorizedParties?: readonly string[];
  readonly required?: readonly RequiredClaim[];
}

/** Makes a preset of an issuer that publishes its keys, with RS256 and an end to each token unless it says otherwise. */
export const makePreset = ({ url, ...parts }: PresetParts): Preset => ({
  key: { kind: 'jwks', url },
  algorithms: ['RS256'],
  audiences: [],
  authorizedParties: [],
  required: [],
  requireExp: true,
  ...parts,
});

interface PresetForm {
  /** The text after the colon, as help shows it. */
  readonly form: string;
  /** Undefined: the text has another form. */
  readonly read: (text: string) => Preset | undefined;
}

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const APP_NAME = /^[\w.:~-]{1,128}$/;

/**
 * Requires the role `authenticated`: anonymous visitors hold a token too (the public `anon` key), and its audience may
 * be `authenticated`.
 * https://supabase.com/docs/guides/auth/jwt-fields
 */
function readSupabase(ref: string): Preset | undefined {
  if (!/^[a-z0-9-]{1,63}$/.test(ref)) return undefined;
  const issuer = `https://${ref}.supabase.co/auth/v1`;
  return makePreset({
    url: `${issuer}/.well-known/jwks.json`,
    algorithms: ['ES256', 'RS256'],
    issuers: [issuer],
    audiences: ['authenticated'],
    required: [{ claim: 'role', values: ['authenticated'] }],
  });
}

/** https://firebase.google.com/docs/auth/admin/verify-id-tokens#verify_id_tokens_using_a_third-party_jwt_library */
const readFirebase = (project: string): Preset | undefined =>
  /^[a-z][a-z0-9-]{3,62}$/.test(project)
    ? makePreset({
        url: 'https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com',
        issuers: [`https://securetoken.google.com/${project}`],
        audiences: [project],
      })
    : undefined;

/**
 * Accepts id tokens, which name the client in `aud`, and access tokens, which name it in `client_id`.
 * https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
 */
function readCognito(text: string): Preset | undefined {
  const [, region, pool, client] =
    /^([a-z]{2}(?:-[a-z]+){1,2}-\d)\/([\w-]{1,55})\/([\w+]{1,128})$/.exec(text) ?? [];
  if (region === undefined || pool === undefined || client === undefined) return undefined;
  const issuer = `https://cognito-idp.${region}.amazonaws.com/${pool}`;
  return makePreset({
    url: `${issuer}/.well-known/jwks.json`,
    issuers: [issuer],
    audiences: [client],
    audienceClaim: 'client_id',
    required: [{ claim: 'token_use', values: ['id', 'access'] }],
  });
}

/** Auth0's issuer ends in a slash. https://auth0.com/docs/secure/tokens/access-tokens/validate-access-tokens */
function readAuth0(text: string): Preset | undefined {
  const [domain, audience] = splitAtSlash(text);
  if (!isDomain(domain) || audience === undefined) return undefined;
  const issuer = `https://${domain}/`;
  return makePreset({
    url: `${issuer}.well-known/jwks.json`,
    algorithms: ['RS256', 'PS256'],
    issuers: [issuer],
    audiences: [audience],
  });
}

/**
 * Accepts tokens of the authorization server `default`. Those of the organization's own server are for Okta alone.
 * https://developer.okta.com/docs/concepts/auth-servers/
 */
function readOkta(text: string): Preset | undefined {
  const [name, audience = 'api://default'] = splitAtSlash(text);
  const org = /^[a-z0-9-]+$/.test(name) ? `${name}.okta.com` : name;
  if (!isDomain(org)) return undefined;
  const issuer = `https://${org}/oauth2/default`;
  return makePreset({ url: `${issuer}/v1/keys`, issuers: [issuer], audiences: [audience] });
}

/** Google uses two issuer names. https://developers.google.com/identity/gsi/web/guides/verify-google-id-token */
const readGoogle = (client: string): Preset | undefined =>
  APP_NAME.test(client)
    ? makePreset({
        url: 'https://www.googleapis.com/oauth2/v3/certs',
        issuers: GOOGLE_ISSUERS,
        audiences: [client],
      })
    : undefined;

/**
 * Accepts tokens of one tenant, by its id, because `common` and `organizations` accept every tenant. An e-mail address
 * counts only with `xms_edov`.
 * https://learn.microsoft.com/en-us/entra/identity-platform/claims-validation
 */
function readEntra(text: string): Preset | undefined {
  const [tenant, app] = splitAtSlash(text.toLowerCase());
  if (!GUID.test(tenant) || app === undefined || !APP_NAME.test(app)) return undefined;
  return makePreset({
    url: `https://login.microsoftonline.com/${tenant}/discovery/v2.0/keys`,
    issuers: [
      `https://login.microsoftonline.com/${tenant}/v2.0`,
      `https://sts.windows.net/${tenant}/`,
    ],
    audiences: [app, `api://${app}`],
    required: [{ claim: 'tid', values: [tenant] }],
  });
}

/** Clerk's tokens have no audience; `azp` is the page's origin. https://clerk.com/docs/backend-requests/manual-jwt */
function readClerk(text: string): Preset | undefined {
  const [host, origin] = splitAtSlash(text);
  if (!isDomain(host) || origin === undefined || !isOrigin(origin) || origin === 'null') {
    return undefined;
  }
  const issuer = `https://${host}`;
  return makePreset({
    url: `${issuer}/.well-known/jwks.json`,
    issuers: [issuer],
    authorizedParties: [origin],
  });
}

/** Splits at the first slash: the rest may be an audience that is a URL. */
function splitAtSlash(text: string): readonly [string, string?] {
  const at = text.indexOf('/');
  if (at === -1) return [text];
  const rest = text.slice(at + 1);
  return /^[!-~]{1,512}$/.test(rest) ? [text.slice(0, at), rest] : [''];
}

const PROVIDERS: Readonly<Record<string, PresetForm>> = {
  supabase: { form: '<ref>', read: readSupabase },
  firebase: { form: '<project>', read: readFirebase },
  cognito: { form: '<region>/<pool>/<client>', read: readCognito },
  auth0: { form: '<domain>/<audience>', read: readAuth0 },
  okta: { form: '<org>[/<audience>]', read: readOkta },
  google: { form: '<client>', read: readGoogle },
  entra: { form: '<tenant id>/<app id>', read: readEntra },
  clerk: { form: '<frontend api>/<origin>', read: readClerk },
};

/**
 * Reads `provider:what`, such as `supabase:abcdefgh` or `auth0:example.eu.auth0.com/https://api.example.com`.
 * @throws invalid_request that lists the forms
 */
export function parsePreset(text: string): Preset {
  const [, name = '', rest = ''] = /^([a-z0-9]+):(.*)$/.exec(text) ?? [];
  const provider = Object.hasOwn(PROVIDERS, name) ? PROVIDERS[name] : undefined;
  const preset = provider?.read(rest);
  if (preset !== undefined) return preset;
  const forms = Object.entries(PROVIDERS).map(([each, { form }]) => `${each}:${form}`);
  const allowed = provider === undefined ? forms.join(', ') : `${name}:${provider.form}`;
  throw invalidRequest(`a preset must be ${allowed}`);
}
