/**
 * Flags that several commands share, and parsers of their values. An error names what is allowed.
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
import { parseTagList, parseTags, TAGS_FORM, type Tags } from '../core/base/tags.ts';
import { TOKEN_LIFETIME_MAX_SECONDS, TOKEN_LIFETIME_MIN_SECONDS } from '../core/keys/key-record.ts';
import { LIMITS_MAX } from '../core/keys/tier.ts';
import { JTI_CHARS_MAX } from '../core/tokens/scoped-claims.ts';
import type { GatewayPlace } from './gateway/connect.ts';

/** The flags of every command that uses a gateway's tables. */
export type PlaceFlags = GatewayPlace & { readonly json?: true };

/** Adds the flags that choose a gateway. */
export const withPlace = (command: Command): Command =>
  withJson(command)
    .option('--data <folder>', "data folder of a gateway on this machine (default: '.hallpass')")
    .addOption(
      new Option('--stack <name>', 'name of a deployed stack; uses your AWS credentials').conflicts(
        'data',
      ),
    );

/** Adds the flag that names who makes a change. */
export const withAuthor = (command: Command): Command =>
  command.option(
    '--as <name>',
    'who makes the change, for the audit (default: your user name here, or your AWS identity)',
    (text) => toUser(text),
  );

export const withJson = (command: Command): Command =>
  command.option('--json', 'print JSON to standard output');

/** Makes the error for a value that breaks a rule. */
export const must = (rule: string, text: string): InvalidArgumentError =>
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

/** Parses `a,b`. Repeated flags add up. */
export function toModels(text: string, others: readonly string[] = []): readonly string[] {
  const models = parseModelPatterns([...others, ...text.split(',').map((each) => each.trim())]);
  if (models !== undefined) return models;
  throw must(`1 to ${MODELS_MAX} model ids or "provider/*", with commas between them`, text);
}

/** Parses models as `toModels` does, or `any` for no list. */
export function toModelsOrAny(
  text: string,
  others: readonly string[] | 'any' | undefined,
): readonly string[] | 'any' {
  if (text === 'any' && (others === undefined || others === 'any')) return 'any';
  if (text === 'any' || others === 'any') throw must('either "any" or models', text);
  return toModels(text, others);
}

const NO_LIMITS: readonly Limit[] = [];

/** Parses one limit per flag, or `none` for no limits. */
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

/** Parses a duration of at least 1 second, in seconds. */
export function toDuration(text: string): number {
  const seconds = parseDuration(text);
  if (seconds !== undefined) return seconds;
  throw must('a number followed by s, m, h, d or w, such as 24h or 7d', text);
}

/** Parses the longest token lifetime of a key, in seconds. */
export function toTokenLifetime(text: string): number {
  const seconds = toDuration(text);
  if (seconds >= TOKEN_LIFETIME_MIN_SECONDS && seconds <= TOKEN_LIFETIME_MAX_SECONDS) {
    return seconds;
  }
  throw must('from 60s to 365d', text);
}

/** Parses a duration from now or an instant, as unix milliseconds. */
export const toExpiry =
  (nowMs: number) =>
  (text: string): number => {
    const seconds = parseDuration(text);
    const atMs = seconds === undefined ? parseInstant(text) : nowMs + seconds * 1000;
    if (atMs !== undefined) return atMs;
    throw must('a duration such as 24h or 7d, or an instant such as 2026-12-01T12:00Z', text);
  };

/** Parses tags such as `project=alpha`, in one flag or in several. */
export function toTags(text: string, others: Tags = {}): Tags {
  const added = parseTagList(text);
  const isNew = Object.keys(added ?? {}).every((name) => !Object.hasOwn(others, name));
  const tags = isNew ? parseTags({ ...others, ...added }) : undefined;
  if (added !== undefined && tags !== undefined) return tags;
  throw must(`name=value, each name once, ${TAGS_FORM}`, text);
}

/** Parses dollars as a number. */
export function toUsd(text: string): number {
  const usd = /^\d{1,10}(\.\d{1,9})?$/.test(text) ? Number(text) : 0;
  if (nanoUsdFromUsd(usd) !== undefined) return usd;
  throw must('dollars from 0.000000001 to 1000000000', text);
}
