/**
 * How a key's verifier comes to be, and to be another one. Flow: command > **verifier** > record.
 * Invariant: none is made that takes the tokens of a provider's other customers, unless that was said; none with a
 * secret or a key that can be guessed.
 */
import { GatewayError } from '../base/errors.ts';
import { algorithmsOfKind, readPublicKeyPem, requireSecretFor } from './key-material.ts';
import { parsePreset } from './presets.ts';
import type { JwtAlgorithm, RequiredClaim, Verifier } from './verifier.ts';

/** What of a verifier is asked for. What is absent stays, or is as the preset has it. */
export interface VerifierRequest {
  /** `provider:what` (presets.ts). */
  readonly preset?: string;
  /** What signatures are held against; a secret is text, used as its UTF-8 bytes. One at most. */
  readonly material?:
    | { readonly kind: 'secret'; readonly secret: string }
    | { readonly kind: 'pem'; readonly pem: string }
    | { readonly kind: 'jwks'; readonly url: string };
  readonly algorithms?: readonly JwtAlgorithm[];
  readonly issuers?: readonly string[];
  readonly audiences?: readonly string[];
  readonly authorizedParties?: readonly string[];
  /** Says that the tokens of any audience are meant. */
  readonly anyAudience?: boolean;
  /** Beside the others of the preset, or those there were; an empty list clears them. */
  readonly required?: readonly RequiredClaim[];
  readonly requireExp?: boolean;
  /** 0 to 60. */
  readonly clockToleranceSeconds?: number;
}

export interface MakeOptions {
  /** The verifier there was. */
  readonly seen: Verifier | undefined;
  /** Whether key sets of this machine may be used: for data of this machine. */
  readonly allowLoopback: boolean;
  /** The name of the secret's version, should it be a new one. */
  readonly version: string;
}

/** A verifier, and its secret if it is new. */
export interface MadeVerifier {
  readonly verifier: Verifier;
  readonly secret?: string;
}

const CLOCK_TOLERANCE_DEFAULT_SECONDS = 5;

const refused = (message: string): GatewayError => new GatewayError('invalid_request', { message });

/** @throws invalid_request for what may not be a verifier, telling what is missing or too weak */
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
    throw refused(
      'a provider signs the tokens of all its customers with the same keys: give --issuer, and --audience, --azp or --require; or say --any-audience',
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

/** A claim that is named again is asked for as it was named last. */
function mergeRequired(
  seen: readonly RequiredClaim[],
  asked: readonly RequiredClaim[] | undefined,
): readonly RequiredClaim[] {
  if (asked === undefined || asked.length === 0) return asked ?? seen;
  const names = asked.map(({ claim }) => claim);
  return [...seen.filter(({ claim }) => !names.includes(claim)), ...asked];
}

const withoutUndefined = (request: VerifierRequest): Partial<VerifierRequest> =>
  Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));

/** Whether tokens would do that were issued for somebody else. */
const isOpen = ({ key, issuers, audiences, authorizedParties, required }: Verifier): boolean =>
  key.kind !== 'secret' &&
  (issuers.length === 0 || audiences.length + authorizedParties.length + required.length === 0);

type Key = Pick<Verifier, 'key' | 'algorithms'> & Pick<MadeVerifier, 'secret'>;

function makeKey(
  { material, algorithms: asked }: VerifierRequest,
  base: Pick<Verifier, 'key' | 'algorithms'> | undefined,
  { allowLoopback, version }: MakeOptions,
): Key {
  switch (material?.kind) {
    case undefined: {
      if (base === undefined) {
        throw refused(
          'there is nothing to verify with: give --jwt-secret, --jwt-public-key, --jwks-url or --preset',
        );
      }
      return {
        key: base.key,
        algorithms: narrow(algorithmsThatMayBe(base), asked) ?? base.algorithms,
      };
    }
    case 'secret': {
      const { secret } = material;
      const algorithms = algorithmsOf(Buffer.from(secret), asked);
      return { key: { kind: 'secret', version }, algorithms, secret };
    }
    case 'pem': {
      const { publicKey, algorithms } = readPublicKeyPem(material.pem);
      // Exported again, so that a key has one spelling.
      const pem = String(publicKey.export({ type: 'spki', format: 'pem' }));
      return { key: { kind: 'pem', pem }, algorithms: narrow(algorithms, asked) ?? algorithms };
    }
    case 'jwks': {
      requireKeySetUrl(material.url, allowLoopback);
      const algorithms = narrow(algorithmsOfKind('jwks'), asked);
      const before = base?.key.kind === 'jwks' ? base.algorithms : algorithmsOfKind('jwks');
      return { key: { kind: 'jwks', url: material.url }, algorithms: algorithms ?? before };
    }
  }
}

/** A secret's length is only known while it is new: what it was not made for it does not verify later. */
function algorithmsThatMayBe({ key, algorithms }: Pick<Verifier, 'key' | 'algorithms'>) {
  switch (key.kind) {
    case 'secret':
      return algorithms;
    case 'pem':
      return readPublicKeyPem(key.pem).algorithms;
    case 'jwks':
      return algorithmsOfKind('jwks');
  }
}

/** Those asked for, which must be among those there are; undefined: none are. */
function narrow(
  allowed: readonly JwtAlgorithm[],
  asked: readonly JwtAlgorithm[] | undefined,
): readonly JwtAlgorithm[] | undefined {
  const wrong = asked?.find((algorithm) => !allowed.includes(algorithm));
  if (wrong === undefined) return asked;
  throw refused(`with this key --algorithms must be of ${allowed.join(', ')}, got ${wrong}`);
}

/** All that a secret is long enough for, unless some are asked for. */
function algorithmsOf(
  secret: Uint8Array,
  asked: readonly JwtAlgorithm[] | undefined,
): readonly JwtAlgorithm[] {
  const chosen = narrow(algorithmsOfKind('secret'), asked);
  if (chosen !== undefined) {
    requireSecretFor(secret, chosen);
    return chosen;
  }
  requireSecretFor(secret, ['HS256']);
  return algorithmsOfKind('secret').filter((algorithm) => isLongEnough(secret, algorithm));
}

function isLongEnough(secret: Uint8Array, algorithm: JwtAlgorithm): boolean {
  try {
    requireSecretFor(secret, [algorithm]);
    return true;
  } catch {
    return false; // It says that the secret is too short, which is the answer.
  }
}

/** The parser writes an IPv4 address in this one spelling, whatever it was given (WHATWG URL, 3.5). */
const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|\[.*\])$/;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Does NOT know where a name leads; whoever fetches does.
 * @throws invalid_request for anything but https by a host's name, and, where allowed, http on this machine
 */
function requireKeySetUrl(text: string, allowLoopback: boolean): void {
  const url = URL.parse(text);
  const isPlain = url !== null && url.username === '' && url.password === '' && url.hash === '';
  const isLoopback = url !== null && LOOPBACK.test(url.hostname);
  const isNamed = url !== null && !isLoopback && !ADDRESS.test(url.hostname);
  const isHttps = url?.protocol === 'https:' && isNamed;
  const isLocal = isLoopback && allowLoopback && /^https?:$/.test(url.protocol);
  if (isPlain && (isHttps || isLocal) && text.length <= 512) return;
  throw refused(
    '"--jwks-url" must be an https URL with the name of a host, of at most 512 characters, without user and fragment; http and this machine only for data of this machine',
  );
}
