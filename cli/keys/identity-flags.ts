/**
 * The flags of `keys create` and `keys set` that say who may call, and how they prove who they are.
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
  isUserHeader,
  ORIGINS_MAX,
} from '../../core/keys/key-record.ts';
import type { KeySettings } from '../../core/keys/key-settings.ts';
import { wrongUse } from '../failure.ts';
import { readSecret, type Terminal } from '../output.ts';

/** A list that repeated flags add to; `any` or `none` alone is an empty one. */
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
  readonly allowDomain?: List;
  readonly origin?: List;
}

/** Adds them. */
export const withIdentity = (command: Command): Command =>
  withControls(withVerifier(command))
    .option('--origin <origin>', 'pages of it may call, or "any"; repeatable', toOrigins)
    .configureHelp({ sortOptions: false });

const withVerifier = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--jwt-secret <secret>',
        "what its users' JWTs are signed with, or - to read it",
      ).conflicts(['jwtPublicKey', 'jwksUrl']),
    )
    .addOption(
      new Option(
        '--jwt-public-key <file>',
        'a PEM public key or certificate, or - to read it',
      ).conflicts('jwksUrl'),
    )
    .option('--jwks-url <url>', "where the issuer's keys are")
    .option('--preset <preset>', 'an identity provider, such as supabase:<ref>', toPreset)
    .option('--algorithms <algorithms>', 'only these, with commas between them', toAlgorithms)
    .option('--issuer <issuer>', '"iss" must be one of these, or "any"; repeatable', toTexts)
    .option('--audience <audience>', '"aud" must hold one of these, or "any"; repeatable', toTexts)
    .option('--azp <party>', '"azp" must be one of these, or "any"; repeatable', toTexts)
    .option('--any-audience', 'takes what the issuer issued for anyone else, too')
    .option(
      '--require <claim>',
      'claim, claim=value or claim=a|b, or "none"; repeatable',
      toRequired,
    )
    .option('--require-exp', 'refuses JWTs that never expire')
    .option('--no-require-exp', 'takes them')
    .option('--clock-tolerance <seconds>', 'how far clocks may differ, 0 to 60', toTolerance);

const withControls = (command: Command): Command =>
  command
    .option('--trust-email', 'takes the e-mail address of a JWT for verified')
    .option('--no-trust-email', 'only if the JWT says so')
    .option('--identity-header', 'a bare key may name its user in a header')
    .option('--no-identity-header', 'it may not')
    .option('--user-header <name>', 'that header (default: x-user-email)', toUserHeader)
    .option('--enforce-identity', 'refuses requests for nobody')
    .option('--no-enforce-identity', 'takes them')
    .option('--enforce-conversation', 'refuses requests without X-Conversation-Id')
    .option('--no-enforce-conversation', 'takes them')
    .option('--allow-domain <domain>', 'of e-mail addresses, or "any"; repeatable', toDomains);

const must = (rule: string, text: string): InvalidArgumentError =>
  new InvalidArgumentError(`It must be ${rule}, got "${text}".`);

/** Reads one flag of a list. */
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

function toUserHeader(text: string): string {
  const name = text.toLowerCase();
  if (isUserHeader(name)) return name;
  throw must('a header name of letters, digits and "-" that stands for nothing else', text);
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
  throw must(`of ${ALGORITHMS.join(', ')}, each once`, text);
}

function toTolerance(text: string): number {
  const [, digits = ''] = /^(\d{1,2})s?$/.exec(text) ?? [];
  if (digits !== '' && Number(digits) <= CLOCK_TOLERANCE_MAX_SECONDS) return Number(digits);
  throw must(`0 to ${CLOCK_TOLERANCE_MAX_SECONDS} seconds`, text);
}

/** What the flags ask for; secrets and files are read here. @throws CommandError when one cannot be read */
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
    // To say which header it is says that it is read.
    identityHeader: flags.identityHeader ?? (userHeader === undefined ? undefined : true),
    userHeader,
    enforceIdentity: flags.enforceIdentity,
    enforceConversation: flags.enforceConversation,
    allowedDomains: flags.allowDomain,
  });
  const { origin } = flags;
  return {
    ...(verifier && { verifier }),
    ...(identity && { identity }),
    ...(origin && { allowedOrigins: origin.length === 0 ? undefined : origin }),
  };
}

/** An object without its undefined members; undefined when it has no others. */
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
    throw wrongUse(`the file ${path} of --jwt-public-key cannot be read`);
  }
}
