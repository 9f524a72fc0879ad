/**
 * The flags of `keys create` and `keys set` for who may call, and how callers prove their identity.
 */
import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { toGatewayError } from '../../core/base/errors.ts';
import { isDomain, isOrigin } from '../../core/base/names.ts';
import { algorithmsOfKind } from '../../core/jwt/key-material.ts';
import type { VerifierRequest } from '../../core/jwt/make-verifier.ts';
import { parsePreset } from '../../core/jwt/presets.ts';
import { parseRequired } from '../../core/jwt/required-claim.ts';
import type { JwtAlgorithm, RequiredClaim } from '../../core/jwt/verifier.ts';
import {
  CLOCK_TOLERANCE_MAX_SECONDS,
  isVerifierText,
  VERIFIER_CHARS_MAX,
  VERIFIER_ENTRIES_MAX,
} from '../../core/jwt/verifier-record.ts';
import {
  DOMAINS_MAX,
  type IdentityControls,
  isIdentityHeader,
  ORIGINS_MAX,
} from '../../core/keys/key-record.ts';
import type { KeySettings } from '../../core/keys/key-settings.ts';
import { wrongUse } from '../failure.ts';
import { must } from '../flags.ts';
import { readSecret, type Terminal } from '../output.ts';

/** A list to which repeated flags add; `any` or `none` alone makes it empty. */
type List<T = string> = readonly T[];

export interface IdentityFlags {
  readonly jwtSecret?: string;
  readonly jwtPublicKey?: string;
  readonly jwksUrl?: string;
  readonly preset?: string;
  readonly algorithms?: readonly JwtAlgorithm[];
  readonly issuer?: List;
  readonly audience?: List;
  readonly azp?: List;
  readonly anyAudience?: true;
  readonly require?: List<RequiredClaim>;
  readonly requireExp?: boolean;
  readonly clockTolerance?: number;
  readonly trustEmail?: boolean;
  readonly identityHeader?: boolean;
  readonly userHeader?: string;
  readonly enforceIdentity?: boolean;
  readonly enforceConversation?: boolean;
  readonly conversationHeader?: string;
  readonly identityNamespace?: 'email';
  readonly allowDomain?: List;
  readonly origin?: List;
}

/** Adds the flags to a command. */
export const withIdentity = (command: Command): Command =>
  withControls(withVerifier(command))
    .option('--origin <origin>', 'web origin that may call, or "any"; repeatable', toOrigins)
    .configureHelp({ sortOptions: false });

const withVerifier = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--jwt-secret <secret>',
        "shared secret of its users' JWTs, or - for standard input",
      ).conflicts(['jwtPublicKey', 'jwksUrl']),
    )
    .addOption(
      new Option(
        '--jwt-public-key <file>',
        'PEM public key or certificate, or - for standard input',
      ).conflicts('jwksUrl'),
    )
    .option('--jwks-url <url>', "URL of the issuer's public keys")
    .option('--preset <preset>', 'settings of an identity provider, as supabase:<ref>', toPreset)
    .option('--algorithms <algorithms>', 'only these, separated by commas', toAlgorithms)
    .option('--issuer <issuer>', 'allowed "iss", or "any"; repeatable', toTexts)
    .option('--audience <audience>', 'allowed "aud", or "any"; repeatable', toTexts)
    .option('--azp <party>', 'allowed "azp", or "any"; repeatable', toTexts)
    .option('--any-audience', 'accept JWTs that the issuer made for any other app')
    .option(
      '--require <claim>',
      'required claim: claim, claim=value or claim=a|b, or "none"; repeatable',
      toRequired,
    )
    .option('--require-exp', 'refuse JWTs without "exp"')
    .option('--no-require-exp', 'accept JWTs without "exp"')
    .option('--clock-tolerance <seconds>', 'largest clock difference, 0 to 60', toTolerance);

const withControls = (command: Command): Command =>
  command
    .option('--trust-email', 'treat the e-mail address in a JWT as verified')
    .option('--no-trust-email', 'use it only if the JWT marks it as verified')
    .option('--identity-header', 'let a bare key name its user in a header')
    .option('--no-identity-header', 'ignore that header')
    .option('--user-header <name>', 'name of that header (default: x-user-email)', toIdentityHeader)
    .option('--enforce-identity', 'refuse requests without a user')
    .option('--no-enforce-identity', 'accept requests without a user')
    .option('--enforce-conversation', 'refuse requests without a conversation')
    .option('--no-enforce-conversation', 'accept requests without a conversation')
    .option(
      '--conversation-header <name>',
      'header that names the conversation (default: x-conversation-id)',
      toIdentityHeader,
    )
    .option('--allow-domain <domain>', 'allowed e-mail domain, or "any"; repeatable', toDomains);

/** Makes the parser of a flag that adds to a list. */
const toList =
  <T>(nothing: string, rule: string, max: number, read: (text: string) => T | undefined) =>
  (text: string, others?: List<T>): List<T> => {
    const isCleared = others?.length === 0;
    if (text === nothing && (others === undefined || isCleared)) return [];
    const value = text === nothing || isCleared ? undefined : read(text);
    if (value === undefined) throw must(`${rule}, or "${nothing}" alone`, text);
    const list = [...(others ?? []), value];
    if (list.length > max) throw must(`one of at most ${max}`, text);
    return list;
  };

const textIf = (isText: (text: string) => boolean) => (text: string) =>
  isText(text) ? text : undefined;

const toTexts = toList(
  'any',
  `1 to ${VERIFIER_CHARS_MAX} characters, none of them a control character`,
  VERIFIER_ENTRIES_MAX,
  textIf(isVerifierText),
);
const toRequired = toList(
  'none',
  'claim, claim=value or claim=a|b',
  VERIFIER_ENTRIES_MAX,
  parseRequired,
);
const toDomains = toList('any', 'a domain such as example.edu', DOMAINS_MAX, (text) =>
  textIf(isDomain)(text.toLowerCase()),
);
const toOrigins = toList(
  'any',
  'an origin such as https://app.example.edu, or null',
  ORIGINS_MAX,
  textIf(isOrigin),
);

function toIdentityHeader(text: string): string {
  const name = text.toLowerCase();
  if (isIdentityHeader(name)) return name;
  throw must('a header name of letters, digits and "-" without another meaning', text);
}

function toPreset(text: string): string {
  try {
    parsePreset(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError(`${toGatewayError(error).message}.`);
  }
}

const ALGORITHMS = [...algorithmsOfKind('secret'), ...algorithmsOfKind('jwks')];

function toAlgorithms(text: string): readonly JwtAlgorithm[] {
  const names = text.split(',').map((name) => name.trim());
  const known = ALGORITHMS.filter((algorithm) => names.includes(algorithm));
  if (known.length === names.length) return known;
  throw must(`one or more of ${ALGORITHMS.join(', ')}, each once`, text);
}

function toTolerance(text: string): number {
  const [, digits = ''] = /^(\d{1,2})s?$/.exec(text) ?? [];
  if (digits !== '' && Number(digits) <= CLOCK_TOLERANCE_MAX_SECONDS) return Number(digits);
  throw must(`0 to ${CLOCK_TOLERANCE_MAX_SECONDS} seconds`, text);
}

/**
 * Returns the settings of the flags. Reads secrets and files.
 * @throws CommandError if one cannot be read
 */
export async function readIdentity(
  flags: IdentityFlags,
  terminal: Terminal,
): Promise<Pick<KeySettings, 'verifier' | 'identity' | 'allowedOrigins'>> {
  const verifier = withoutUndefined<VerifierRequest>({
    preset: flags.preset,
    material: await readMaterial(flags, terminal),
    algorithms: flags.algorithms,
    issuers: flags.issuer,
    audiences: flags.audience,
    authorizedParties: flags.azp,
    anyAudience: flags.anyAudience,
    required: flags.require,
    requireExp: flags.requireExp,
    clockToleranceSeconds: flags.clockTolerance,
  });
  const { userHeader } = flags;
  const identity = withoutUndefined<IdentityControls>({
    trustEmail: flags.trustEmail,
    // --user-header turns the header on.
    identityHeader: flags.identityHeader ?? (userHeader === undefined ? undefined : true),
    userHeader,
    enforceIdentity: flags.enforceIdentity,
    enforceConversation: flags.enforceConversation,
    conversationHeader: flags.conversationHeader,
    identityNamespace: flags.identityNamespace,
    allowedDomains: flags.allowDomain,
  });
  const { origin } = flags;
  return {
    ...(verifier && { verifier }),
    ...(identity && { identity }),
    ...(origin && { allowedOrigins: origin.length === 0 ? undefined : origin }),
  };
}

/** Removes undefined members; returns undefined if no others remain. */
function withoutUndefined<T extends object>(
  members: { readonly [Name in keyof T]: T[Name] | undefined },
): T | undefined {
  const given = Object.entries(members).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : (Object.fromEntries(given) as T);
}

async function readMaterial(
  { jwtSecret, jwtPublicKey, jwksUrl }: IdentityFlags,
  terminal: Terminal,
): Promise<VerifierRequest['material']> {
  if (jwtSecret !== undefined) {
    return { kind: 'secret', secret: await readSecret(jwtSecret, terminal) };
  }
  if (jwtPublicKey !== undefined)
    return { kind: 'pem', pem: await readPem(jwtPublicKey, terminal) };
  return jwksUrl === undefined ? undefined : { kind: 'jwks', url: jwksUrl };
}

async function readPem(path: string, terminal: Terminal): Promise<string> {
  if (path === '-') return terminal.readInput();
  try {
    return await readFile(path, 'utf8');
  } catch {
    throw wrongUse(`the file "${path}" of --jwt-public-key cannot be read`);
  }
}
