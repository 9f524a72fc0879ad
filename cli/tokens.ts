/**
 * `hallpass tokens`: issue, inspect and revoke scoped tokens.
 */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { toWords } from '../core/duration.ts';
import { issueOffline } from '../core/issue-offline.ts';
import { config } from '../hallpass.config.ts';
import { wrongUse } from './failure.ts';
import { toExpiry, toJti, toModels, toTokenLifetime, toUsd, toUser, withJson } from './flags.ts';
import { type Terminal, toInstant, toJson } from './output.ts';

interface IssueFlags {
  readonly models?: readonly string[];
  readonly limitUsd?: number;
  readonly expires: number;
  readonly user?: string;
  readonly jti?: string;
  readonly maxTokenLifetime?: number;
  readonly json?: true;
}

/** Adds the group to the program. */
export function addTokenCommands(program: Command, terminal: Terminal): void {
  const tokens = program.command('tokens').description('issue, inspect and revoke scoped tokens');
  const nowMs = Date.now();
  withJson(tokens.command('issue'))
    .summary('issue a token, offline')
    .description(
      'Signs a token with the key in HALLPASS_KEY, whose kid is in HALLPASS_KEY_ID; needs no gateway and no account. Prints the token alone to standard output, and what it is to standard error.',
    )
    .option(
      '--models <models>',
      'exact ids or "provider/*" (default: what the key allows)',
      toModels,
    )
    .option('--limit-usd <amount>', 'what it may spend in its whole life', toUsd)
    .requiredOption('--expires <when>', '24h, 7d, or 2026-12-01T12:00Z', toExpiry(nowMs))
    .option('--user <user>', 'whom it is for: their limits hold across all their tokens', toUser)
    .option(
      '--jti <name>',
      'its name; tokens of one name share one allowance (default: random)',
      toJti,
    )
    .option(
      '--max-token-lifetime <time>',
      'what the key allows, if it is more than 7 days',
      toTokenLifetime,
    )
    .action((flags: IssueFlags) => issue(flags, nowMs, terminal));
}

function issue(flags: IssueFlags, nowMs: number, terminal: Terminal): void {
  const { models, limitUsd, user, jti = randomUUID(), maxTokenLifetime } = flags;
  const issued = issueOffline(
    {
      key: needVariable('HALLPASS_KEY', 'the key', terminal),
      kid: needVariable('HALLPASS_KEY_ID', 'its kid', terminal),
      ...(models && { models }),
      ...(limitUsd !== undefined && { spendingLimit: limitUsd }),
      ...(user !== undefined && { user }),
      jti,
      expiresAtMs: flags.expires,
      maxTokenLifetimeSeconds: maxTokenLifetime ?? config.defaults.maxTokenLifetimeSeconds,
    },
    nowMs,
  );
  const expiresAt = toInstant(issued.expiresAtMs);
  terminal.note(
    [
      `issued the token "${jti}" of the key "${issued.keyName}"`,
      user === undefined ? 'for nobody by name' : `for ${user}`,
      models === undefined ? 'for any model of the key' : `for ${models.join(', ')}`,
      limitUsd === undefined ? 'without a spending limit of its own' : `for ${limitUsd} USD`,
      `until ${expiresAt} (${toWords((issued.expiresAtMs - nowMs) / 1000)})`,
    ].join(', '),
  );
  if (!flags.json) {
    terminal.print(issued.token);
    return;
  }
  terminal.print(
    toJson({
      token: issued.token,
      account: issued.account,
      key_name: issued.keyName,
      jti,
      user: user ?? null,
      models: models ?? null,
      spending_limit: limitUsd ?? null,
      expires_at: expiresAt,
    }),
  );
}

/** A secret from the environment: never an argument, which a process list shows. */
function needVariable(name: string, what: string, { variables }: Terminal): string {
  const value = variables[name]?.trim();
  if (value === undefined || value === '') {
    throw wrongUse(
      `the environment variable ${name} must hold ${what}, as "keys create" prints it`,
    );
  }
  return value;
}
