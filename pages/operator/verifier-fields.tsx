/** The issuer that signs in the users of a client key: a known provider, or the keys of another issuer. */

/** The providers that the gateway knows, with the text that names one customer of each. */
const PROVIDERS = [
  ['supabase', 'Supabase', 'project ref, as abcdefghijkl'],
  ['firebase', 'Firebase', 'project id'],
  ['auth0', 'Auth0', 'domain/audience'],
  ['entra', 'Microsoft Entra', 'tenant id/app id'],
  ['google', 'Google', 'client id'],
  ['okta', 'Okta', 'org, or org/audience'],
  ['cognito', 'AWS Cognito', 'region/pool/client'],
  ['clerk', 'Clerk', 'frontend API/origin'],
] as const;

/** Others, with the field that holds their key. */
const MATERIALS = [
  ['jwks_url', 'Another, by the URL of its keys'],
  ['pem', 'Another, by its public key'],
  ['secret', 'My own server, by a shared secret'],
] as const;

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

const isPreset = (by: string): boolean => PROVIDERS.some(([name]) => name === by);

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
  const set = (name: keyof VerifierTexts) => (event: { currentTarget: { value: string } }) =>
    onChange({ ...value, [name]: event.currentTarget.value });
  return (
    <>
      <div class="fields">
        <label>
          Its users sign in with
          <select
            value={value.by}
            onChange={(event) => onChange({ ...value, by: event.currentTarget.value, value: '' })}
          >
            {PROVIDERS.map(([name, label]) => (
              <option key={name} value={name}>
                {label}
              </option>
            ))}
            {MATERIALS.map(([name, label]) => (
              <option key={name} value={name}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <Source value={value} onInput={set('value')} />
      </div>
      <details>
        <summary>What their tokens must say</summary>
        <div class="fields gap-top">
          <label>
            Issuer (iss)
            <input value={value.issuers} onInput={set('issuers')} />
          </label>
          <label>
            Audience (aud)
            <input value={value.audiences} onInput={set('audiences')} />
          </label>
          <label>
            Authorized party (azp)
            <input value={value.azp} onInput={set('azp')} />
          </label>
          <label>
            Claims, as role=student
            <input value={value.required} onInput={set('required')} />
          </label>
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
  readonly value: VerifierTexts;
  onInput(event: { currentTarget: { value: string } }): void;
}) {
  const { value, onInput } = props;
  const field = { required: true, value: value.value, onInput };
  switch (value.by) {
    case 'pem':
      return (
        <label>
          Public key or certificate
          <textarea rows={4} class="mono" placeholder="-----BEGIN PUBLIC KEY-----" {...field} />
        </label>
      );
    case 'secret':
      return (
        <label>
          Secret that signs them, 32 characters or more
          <input type="password" autoComplete="off" minLength={32} {...field} />
        </label>
      );
    case 'jwks_url':
      return (
        <label>
          URL of its keys
          <input type="url" placeholder="https://id.example.edu/jwks" {...field} />
        </label>
      );
    default: {
      const [, label = '', form = ''] = PROVIDERS.find(([name]) => name === value.by) ?? [];
      return (
        <label>
          {label}: {form}
          <input spellcheck={false} {...field} />
        </label>
      );
    }
  }
}
