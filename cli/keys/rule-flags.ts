/**
 * The flags `--models`, `--limit` and `--when`. Their order counts: `--models` and `--limit` behind a `--when` are those of
 * its rule, and those before the first `--when` are the key's own.
 */
import type { Command } from 'commander';
import { formatLimit } from '../../core/base/limit-text.ts';
import type { Limit } from '../../core/base/limits.ts';
import { formatRequired, parseRequired } from '../../core/jwt/required-claim.ts';
import { TIERS_MAX, type Tier } from '../../core/keys/tier.ts';
import { wrongUse } from '../failure.ts';
import { must, toLimits, toModels, toModelsOrAny } from '../flags.ts';

const NO_RULES: readonly Tier[] = [];

/** Adds the flags to a command. They are read in the order of the command line. */
export function withRules(command: Command): Command {
  let rules: readonly Tier[] = NO_RULES;
  const intoLast = (change: (rule: Tier) => Partial<Tier>): boolean => {
    const last = rules.at(-1);
    if (last === undefined) return false;
    rules = [...rules.slice(0, -1), { ...last, ...change(last) }];
    command.setOptionValue('when', rules);
    return true;
  };
  return command
    .option(
      '--models <models>',
      'allowed models: exact ids or "provider/*", or "any"; repeatable',
      (text: string, others: readonly string[] | 'any' | undefined) =>
        intoLast(({ models }) => ({ models: toModels(text, models) }))
          ? others
          : toModelsOrAny(text, others),
    )
    .option(
      '--limit <limit>',
      'per:unit:window=value such as user:usd:week=5, or "none"; repeatable',
      (text: string, others: readonly Limit[] | undefined) =>
        intoLast(({ limits }) => ({ limits: toUserLimits(text, limits) }))
          ? others
          : toLimits(text, others),
    )
    .option(
      '--when <claim>',
      'rule: users whose JWT has claim=value get the --limit and --models behind it, or "none"; repeatable',
      (text: string) => {
        rules = text === 'none' && rules.length === 0 ? NO_RULES : [...rules, toRule(text)];
        if (rules.length > TIERS_MAX) throw must(`one of at most ${TIERS_MAX} rules`, text);
        return rules;
      },
    );
}

function toRule(text: string): Tier {
  const when = parseRequired(text);
  if (when !== undefined) return { when, limits: [] };
  throw must('claim, claim=value or claim=a|b, or "none" alone', text);
}

function toUserLimits(text: string, others: readonly Limit[]): readonly Limit[] {
  const limits = toLimits(text, others);
  if (limits.length > 0 && limits.every(({ per }) => per === 'user')) return limits;
  throw must('a "user:" limit, because a rule is about one user', text);
}

/**
 * Returns the rules, each of which gives something.
 * @throws CommandError for a rule without limits and models
 */
export function requireWholeRules(rules: readonly Tier[]): readonly Tier[] {
  const empty = rules.find(({ limits, models }) => limits.length === 0 && models === undefined);
  if (empty === undefined) return rules;
  throw wrongUse(`--when ${formatRequired(empty.when)} needs a --limit or --models behind it`);
}

/** Formats a rule for `keys show --json`. */
export const toRuleJson = ({ when, limits, models }: Tier) => ({
  when: formatRequired(when),
  limits: limits.map(formatLimit),
  models: models ?? null,
});
