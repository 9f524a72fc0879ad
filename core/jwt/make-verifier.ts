/**
 * Makes and changes the verifier of a key. Flow: command > **verifier** > record.
 * Invariant: no verifier accepts the tokens of a provider's other customers unless the owner says so, and none has a
 * secret or a key that can be guessed.
 */
import { invalidRequest } from '../base/errors.ts';
import { isLoopbackHost, parseUrl } from '../base/url.ts';
import {
  algorithmsOfKind,
  HMAC_HASHES,
  readPublicKeyPem,
  requireSecretFor,
} from './key-material.ts';
import { parsePreset } from './presets.ts';
import {
  HMAC_ALGORITHMS,
  type JwtAlgorithm,
  type RequiredClaim,
  type Verifier,
} from './verifier.ts';

/** The wanted parts of a verifier. An absent part keeps its value, or gets the preset's. */
export interface VerifierRequest {
  /** `provider:what` (presets.ts). */
  readonly preset?: string;
  /** The material that verifies signatures; of a secret's text, its UTF-8 bytes. */
  readonly material?:
    | { readonly kind: 'secret'; readonly secret: string }
    | { readonly kind: 'pem'; readonly pem: string }
    | { readonly kind: 'jwks'; readonly url: string };
  readonly algorithms?: readonly JwtAlgorithm[];
  readonly issuers?: readonly string[];
  readonly audiences?: readonly string[];
  readonly authorizedParties?: readonly string[];
  /** Accepts tokens for any audience. */
  readonly anyAudience?: boolean;
  /** Added to those of the preset or of the old verifier; an empty list clears them. */
  readonly required?: readonly RequiredClaim[];
  readonly requireExp?: boolean;
  /** 0 to 60. */
  readonly clockToleranceSeconds?: number;
}

export interface MakeOptions {
  /** The old verifier. */
  readonly seen: Verifier | undefined;
  /** Allows key sets on this machine, for a gateway on this machine. */
  readonly allowLoopback: boolean;
  /** The name of the secret's version, if the secret is new. */
  readonly version: string;
}

/** A verifier, with its secret if the secret is new. */
export interface MadeVerifier {
  readonly verifier: Verifier;
  readonly secret?: string;
}

const CLOCK_TOLERANCE_DEFAULT_SECONDS = 5;

/**
 * Makes a verifier from a request and the old verifier.
 * @throws invalid_request that names what is missing or too weak
 */
export function makeVerifier(request: VerifierRequest, options: MakeOptions): MadeVerifier {
  const { seen } = options;
  const base = request.preset === undefined ? seen : { ...EMPTY, ...parsePreset(request.preset) };
  const { key, algorithms, secret } = makeKey(request, base, options);
  const { issuers, audiences, authorizedParties, requireExp, clockToleranceSeconds } = {
    ...EMPTY,
    ...base,
    ...withoutUndefined(request),
  };
  const hasOwnAudience = request.audiences !== undefined;
  const { audienceClaim } = hasOwnAudience ? {} : (base ?? {});
  const verifier: Verifier = {
    key,
    algorithms,
    issuers,
    audiences,
    ...(audienceClaim !== undefined && { audienceClaim }),
    authorizedParties,
    required: mergeRequired(base?.required ?? [], request.required),
    requireExp,
    clockToleranceSeconds,
  };
  const wasOpen = seen !== undefined && isOpen(seen);
  if (isOpen(verifier) && !request.anyAudience && !wasOpen) {
    throw invalidRequest(
      'a provider signs the tokens of all its customers with the same keys: give --issuer, and --audience, --azp or --require; or give --any-audience',
    );
  }
  return { verifier, ...(secret && { secret }) };
}

const EMPTY = {
  issuers: [],
  audiences: [],
  authorizedParties: [],
  required: [],
  requireExp: false,
  clockToleranceSeconds: CLOCK_TOLERANCE_DEFAULT_SECONDS,
} satisfies Partial<Verifier>;

/** Merges by name; the newer rule for a claim replaces the older one. */
function mergeRequired(
  seen: readonly RequiredClaim[],
  wanted: readonly RequiredClaim[] | undefined,
): readonly RequiredClaim[] {
  if (wanted === undefined || wanted.length === 0) return wanted ?? seen;
  const names = wanted.map(({ claim }) => claim);
  return [...seen.filter(({ claim }) => !names.includes(claim)), ...wanted];
}

const withoutUndefined = (request: VerifierRequest): Partial<VerifierRequest> =>
  Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));

/** True if the verifier would accept tokens that were issued for somebody else. */
const isOpen = ({ key, issuers, audiences, authorizedParties, required }: Verifier): boolean =>
  key.kind !== 'secret' &&
  (issuers.length === 0 || audiences.length + authorizedParties.length + required.length === 0);

type Key = Pick<Verifier, 'key' | 'algorithms'> & Pick<MadeVerifier, 'secret'>;

function makeKey(
  { material, algorithms: wanted }: VerifierRequest,
  base: Pick<Verifier, 'key' | 'algorithms'> | undefined,
  { allowLoopback, version }: MakeOptions,
): Key {
  switch (material?.kind) {
    case undefined: {
      if (base === undefined) {
        throw invalidRequest(
          'there is nothing to verify with: give --jwt-secret, --jwt-public-key, --jwks-url or --preset',
        );
      }
      return {
        key: base.key,
        algorithms: narrow(possibleAlgorithms(base), wanted) ?? base.algorithms,
      };
    }
    case 'secret': {
      const { secret } = material;
      const algorithms = algorithmsOf(Buffer.from(secret), wanted);
      return { key: { kind: 'secret', version }, algorithms, secret };
    }
    case 'pem': {
      const { publicKey, algorithms } = readPublicKeyPem(material.pem);
      // Exported again, so that a key has one spelling.
      const pem = String(publicKey.export({ type: 'spki', format: 'pem' }));
      return { key: { kind: 'pem', pem }, algorithms: narrow(algorithms, wanted) ?? algorithms };
    }
    case 'jwks': {
      requireKeySetUrl(material.url, allowLoopback);
      const algorithms = narrow(algorithmsOfKind('jwks'), wanted);
      const before = base?.key.kind === 'jwks' ? base.algorithms : algorithmsOfKind('jwks');
      return { key: { kind: 'jwks', url: material.url }, algorithms: algorithms ?? before };
    }
  }
}

/** Returns the algorithms that may be chosen now. The length of a stored secret is not known, so its list only shrinks. */
function possibleAlgorithms({ key, algorithms }: Pick<Verifier, 'key' | 'algorithms'>) {
  switch (key.kind) {
    case 'secret':
      return algorithms;
    case 'pem':
      return readPublicKeyPem(key.pem).algorithms;
    case 'jwks':
      return algorithmsOfKind('jwks');
  }
}

/** Checks that the wanted algorithms are allowed; undefined: none were named. */
function narrow(
  allowed: readonly JwtAlgorithm[],
  wanted: readonly JwtAlgorithm[] | undefined,
): readonly JwtAlgorithm[] | undefined {
  const wrong = wanted?.find((algorithm) => !allowed.includes(algorithm));
  if (wrong === undefined) return wanted;
  throw invalidRequest(`with this key --algorithms must be of ${allowed.join(', ')}, got ${wrong}`);
}

/** Returns the wanted algorithms, or all that the secret is long enough for. */
function algorithmsOf(
  secret: Uint8Array,
  wanted: readonly JwtAlgorithm[] | undefined,
): readonly JwtAlgorithm[] {
  const chosen = narrow(HMAC_ALGORITHMS, wanted);
  requireSecretFor(secret, chosen ?? ['HS256']);
  return chosen ?? HMAC_ALGORITHMS.filter((each) => secret.length >= HMAC_HASHES[each].bytes);
}

/** The URL parser writes any spelling of an IPv4 address like this (WHATWG URL, 3.5). */
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|\[.*\])$/;

/**
 * Accepts https with a host's name and, where allowed, http on this machine. Does NOT resolve the name; the fetch does.
 * @throws invalid_request for any other URL
 */
function requireKeySetUrl(text: string, allowLoopback: boolean): void {
  const url = parseUrl(text);
  const isPlain =
    url !== undefined && url.username === '' && url.password === '' && url.hash === '';
  const isLoopback = url !== undefined && isLoopbackHost(url.hostname);
  const isNamed = url !== undefined && !isLoopback && !ADDRESS.test(url.hostname);
  const isHttps = url?.protocol === 'https:' && isNamed;
  const isLocal = isLoopback && allowLoopback && /^https?:$/.test(url.protocol);
  if (isPlain && (isHttps || isLocal) && text.length <= 512) return;
  throw invalidRequest(
    '"--jwks-url" must be an https URL with the name of a host, of at most 512 characters, without user and fragment; http and this machine only for data of this machine',
  );
}
