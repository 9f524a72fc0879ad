/**
 * `hallpass tokens`: issue, inspect and revoke scoped tokens.
 */
import type { Command } from 'commander';
import {
  toExpiry,
  toJti,
  toKeyName,
  toModels,
  toTokenLifetime,
  toUsd,
  toUser,
  withAuthor,
  withPlace,
} from '../flags.ts';
import type { Terminal } from '../output.ts';
import { type InspectFlags, inspect } from './inspect.ts';
import { type IssueFlags, issue } from './issue.ts';
import { type RevokeFlags, revoke } from './revoke.ts';
import { issueRoster } from './roster.ts';
import { type RosterFlags, requireNoRosterFlags, withRoster } from './roster-flags.ts';

const TOKEN = 'the token, or "-" to read it from standard input';

/** Adds the group to the program. */
export function addTokenCommands(program: Command, terminal: Terminal): void {
  const tokens = program.command('tokens').description('issue, inspect and revoke scoped tokens');

  const nowMs = Date.now();
  withRoster(withAuthor(withPlace(tokens.command('issue'))))
    .summary('issue a token, or one for each row of a roster, offline')
    .description(
      'Signs a token with the key in HALLPASS_KEY, whose kid is in HALLPASS_KEY_ID; needs no gateway and no account. Prints the token alone to standard output, and what it is to standard error. With --roster, one for each row (email,name,section) goes to the file --out. Only --replace, and the budget of the key in the warning, ask the gateway of --data or --stack.',
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
    .action((flags: IssueFlags & RosterFlags) =>
      flags.roster === undefined
        ? issue(requireNoRosterFlags(flags), nowMs, terminal)
        : issueRoster(flags, nowMs, terminal),
    );

  withPlace(tokens.command('inspect'))
    .summary('what a token says, and what it has spent')
    .description(
      'Reads a token offline, and holds its signature against HALLPASS_KEY if that is set. With --data or --stack it asks the gateway too: what was spent, what is held, what is left, whether it is revoked.',
    )
    .argument('<token>', TOKEN)
    .action((token: string, flags: InspectFlags) => inspect(token, flags, terminal));

  withAuthor(withPlace(tokens.command('revoke')))
    .summary('end tokens before they expire')
    .description(
      "Revokes one token (its next request is refused), all tokens of a jti (within 10 seconds), or all of a user's that were issued until now (their next requests). For --jti and --user, --key says whose.",
    )
    .argument('[token]', TOKEN)
    .option('--jti <name>', 'all tokens of this name', toJti)
    .option('--user <user>', "all of this user's tokens", toUser)
    .option('--key <name>', 'the key that signed them', toKeyName)
    .action((token: string | undefined, flags: RevokeFlags) => revoke(token, flags, terminal));
}
