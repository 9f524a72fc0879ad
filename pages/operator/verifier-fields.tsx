/** The issuer that signs in the users of a client key: a known provider, or the keys of another issuer. */
import { bindFields, Field, SecretField, Select } from '../shared/form.tsx';

/** The providers that the gateway knows, with the text that names one customer of each. */
const PROVIDERS: Readonly<Record<string, readonly [label: string, form: string]>> = {
  supabase: ['Supabase', 'project ref, as abcdefghijkl'],
  firebase: ['Firebase', 'project id'],
  auth0: ['Auth0', 'domain/audience'],
  entra: ['Microsoft Entra', 'tenant id/app id'],
  google: ['Google', 'client id'],
  okta: ['Okta', 'org, or org/audience'],
  cognito: ['AWS Cognito', 'region/pool/client'],
  clerk: ['Clerk', 'frontend API/origin'],
};

const SOURCES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(PROVIDERS).map(([name, [label]]) => [name, label])),
  // Others, with the field that holds their key.
  jwks_url: 'Another, by the URL of its keys',
  pem: 'Another, by its public key',
  secret: 'My own server, by a shared secret',
};

export interface VerifierTexts {
  /** A provider's name or a material's field. */
  readonly by: string;
  /** The name of the customer, or the material itself. */
  readonly value: string;
  readonly issuers: string;
  readonly audiences: string;
  readonly azp: string;
  readonly required: string;
}

export const NO_VERIFIER: VerifierTexts = {
  by: 'supabase',
  value: '',
  issuers: '',
  audiences: '',
  azp: '',
  required: '',
};

/** Splits at commas and lines: a value may have spaces. */
const split = (text: string): readonly string[] =>
  text
    .split(/[,\n]/)
    .map((part) => part.trim())
    .filter((part) => part !== '');

const isPreset = (by: string): boolean => Object.hasOwn(PROVIDERS, by);

/** A provider signs the tokens of all its customers with the same keys. @returns what is missing */
export function faultIn({ by, ...texts }: VerifierTexts): string | undefined {
  if (isPreset(by) || by === 'secret') return undefined;
  const { issuers, audiences, azp, required } = texts;
  const isOpen = split(issuers).length === 0 || split(audiences + azp + required).length === 0;
  return isOpen
    ? 'An issuer signs for all its customers with the same keys. Say the issuer, and an audience, a party or a claim.'
    : undefined;
}

/** Returns the rules as the command's server reads them. */
export function toVerifierBody({ by, value, ...texts }: VerifierTexts): object {
  const rules = Object.entries(texts)
    .map(([name, text]) => [name, split(text)] as const)
    .filter(([, list]) => list.length > 0);
  const source = isPreset(by)
    ? { preset: `${by}:${value.trim()}` }
    : { [by]: by === 'secret' ? value : value.trim() };
  return { ...source, ...Object.fromEntries(rules) };
}

export function VerifierFields(props: {
  readonly value: VerifierTexts;
  onChange(value: VerifierTexts): void;
}) {
  const { value, onChange } = props;
  const field = bindFields(value, onChange);
  return (
    <>
      <div class="fields">
        <Select
          label="Its users sign in with"
          value={value.by}
          options={SOURCES}
          onChoice={(by) => onChange({ ...value, by, value: '' })}
        />
        <Source by={value.by} field={field('value')} />
      </div>
      <details>
        <summary>What their tokens must say</summary>
        <div class="fields gap-top">
          <Field label="Issuer (iss)" {...field('issuers')} />
          <Field label="Audience (aud)" {...field('audiences')} />
          <Field label="Authorized party (azp)" {...field('azp')} />
          <Field label="Claims, as role=student" {...field('required')} />
        </div>
        <p class="small quiet gap-top">
          Several with commas. A known provider brings its own rules; what is written here replaces
          them, and claims are added.
        </p>
      </details>
    </>
  );
}

/** The one field that says which customer, or which key. */
function Source(props: {
  readonly by: string;
  readonly field: { readonly value: string; onText(text: string): void };
}) {
  const { by, field } = props;
  switch (by) {
    case 'pem':
      return (
        <label>
          Public key or certificate
          <textarea
            rows={4}
            class="mono"
            placeholder="-----BEGIN PUBLIC KEY-----"
            required
            value={field.value}
            onInput={(event) => field.onText(event.currentTarget.value)}
          />
        </label>
      );
    case 'secret':
      return (
        <SecretField
          label="Secret that signs them, 32 characters or more"
          minLength={32}
          {...field}
        />
      );
    case 'jwks_url':
      return (
        <Field
          label="URL of its keys"
          type="url"
          placeholder="https://id.example.edu/jwks"
          required
          {...field}
        />
      );
    default:
      return (
        <Field label={PROVIDERS[by]?.join(': ') ?? ''} spellcheck={false} required {...field} />
      );
  }
}
