/**
 * Flags that several commands share, and how their values are read. A wrong one is told with what is allowed.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration, parseInstant } from '../core/base/duration.ts';
import { toGatewayError } from '../core/base/errors.ts';
import { parseLimit } from '../core/base/limit-text.ts';
import type { Limit } from '../core/base/limits.ts';
import { nanoUsdFromUsd } from '../core/base/money.ts';
import {
  isName,
  KEY_NAME_CHARS_MAX,
  MODELS_MAX,
  parseModelPatterns,
  USER_CHARS_MAX,
} from '../core/base/names.ts';
import {
  LIMITS_MAX,
  TOKEN_LIFETIME_MAX_SECONDS,
  TOKEN_LIFETIME_MIN_SECONDS,
} from '../core/keys/key-record.ts';
import { JTI_CHARS_MAX } from '../core/tokens/scoped-claims.ts';
import type { GatewayPlace } from './gateway/connect.ts';

/** What every command that needs tables takes. */
export type PlaceFlags = GatewayPlace & { readonly json?: true };

/** Where a command works. */
export const withPlace = (command: Command): Command =>
  withJson(command)
    .option('--data <folder>', "the folder of a gateway on this machine (default: '.hallpass')")
    .addOption(
      new Option('--stack <name>', 'a deployed stack, with the usual AWS credentials').conflicts(
        'data',
      ),
    );

/** Of commands that change something. */
export const withAuthor = (command: Command): Command =>
  command.option(
    '--as <name>',
    'who is making the change (default: the user of this machine, or the AWS identity)',
    (text) => toUser(text),
  );

export const withJson = (command: Command): Command =>
  command.option('--json', 'print JSON to standard output');

const must = (rule: string, text: string): InvalidArgumentError =>
  new InvalidArgumentError(`It must be ${rule}, got "${text}".`);

const toName = (charsMax: number) => (text: string) => {
  if (isName(text, charsMax)) return text;
  throw new InvalidArgumentError(
    `It must be 1 to ${charsMax} characters, none of them a control character.`,
  );
};

export const toKeyName = toName(KEY_NAME_CHARS_MAX);
export const toUser = toName(USER_CHARS_MAX);
export const toJti = toName(JTI_CHARS_MAX);

/** `a,b`; repeated flags add up. */
export function toModels(text: string, others: readonly string[] = []): readonly string[] {
  const models = parseModelPatterns([...others, ...text.split(',').map((each) => each.trim())]);
  if (models !== undefined) return models;
  throw must(`1 to ${MODELS_MAX} model ids or "provider/*", with commas between them`, text);
}

/** As `toModels`, and `any`, which is no list at all. */
export function toModelsOrAny(
  text: string,
  others: readonly string[] | 'any' | undefined,
): readonly string[] | 'any' {
  if (text === 'any' && (others === undefined || others === 'any')) return 'any';
  if (text === 'any' || others === 'any') throw must('either "any" or models', text);
  return toModels(text, others);
}

const NO_LIMITS: readonly Limit[] = [];

/** One limit a flag; `none` is none at all. */
export function toLimits(text: string, others: readonly Limit[] | undefined): readonly Limit[] {
  if (text === 'none' && (others === undefined || others === NO_LIMITS)) return NO_LIMITS;
  if (text === 'none' || others === NO_LIMITS) throw must('either "none" or limits', text);
  const limits = [...(others ?? []), readLimit(text)];
  const kinds = new Set(limits.map(({ per, unit, window }) => `${per}:${unit}:${window}`));
  if (kinds.size < limits.length) throw must('a limit that is not given twice', text);
  if (limits.length > LIMITS_MAX) throw must(`one of at most ${LIMITS_MAX} limits`, text);
  return limits;
}

function readLimit(text: string): Limit {
  try {
    return parseLimit(text);
  } catch (error) {
    throw new InvalidArgumentError(`${toGatewayError(error).message}.`);
  }
}

/** A duration of 1 second or more, in seconds. */
export function toDuration(text: string): number {
  const seconds = parseDuration(text);
  if (seconds !== undefined) return seconds;
  throw must('a number with s, m, h, d or w behind it, such as 24h or 7d', text);
}

/** How long tokens of a key may live, in seconds. */
export function toTokenLifetime(text: string): number {
  const seconds = toDuration(text);
  if (seconds >= TOKEN_LIFETIME_MIN_SECONDS && seconds <= TOKEN_LIFETIME_MAX_SECONDS) {
    return seconds;
  }
  throw must('from 60s to 365d', text);
}

/** A duration from now, or an instant; answers which instant it is. */
export const toExpiry =
  (nowMs: number) =>
  (text: string): number => {
    const seconds = parseDuration(text);
    const atMs = seconds === undefined ? parseInstant(text) : nowMs + seconds * 1000;
    if (atMs !== undefined) return atMs;
    throw must('a duration such as 24h or 7d, or an instant such as 2026-12-01T12:00Z', text);
  };

/** Dollars, as a JSON number. */
export function toUsd(text: string): number {
  const usd = /^\d{1,10}(\.\d{1,9})?$/.test(text) ? Number(text) : 0;
  if (nanoUsdFromUsd(usd) !== undefined) return usd;
  throw must('dollars from 0.000000001 to 1000000000', text);
}
