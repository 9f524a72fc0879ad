/**
 * `hallpass tokens`: issue, inspect and revoke scoped tokens.
 */
import type { Command } from 'commander';
import {
  toExpiry,
  toJti,
  toKeyName,
  toModels,
  toTags,
  toTokenLifetime,
  toUsd,
  toUser,
  withAuthor,
  withPlace,
} from '../flags.ts';
import { withUrl } from '../gateway/by-key.ts';
import type { Terminal } from '../output.ts';
import { type InspectFlags, inspect } from './inspect.ts';
import { type IssueFlags, issue } from './issue.ts';
import { type RevokeFlags, revoke } from './revoke.ts';
import { issueRoster } from './roster.ts';
import { type RosterFlags, requireNoRosterFlags, withRoster } from './roster-flags.ts';

const TOKEN = 'the token, or "-" to read it from standard input';

/** Adds the commands to the program. */
export function addTokenCommands(program: Command, terminal: Terminal): void {
  const tokens = program.command('tokens').description('issue, inspect and revoke scoped tokens');

  const nowMs = Date.now();
  withRoster(withUrl(withAuthor(withPlace(tokens.command('issue')))))
    .summary('issue a token, or one for each row of a roster, offline')
    .description(
      'Signs a token with the key in HALLPASS_KEY, whose kid is in HALLPASS_KEY_ID. It needs no gateway and no account. The token goes to standard output, its description to standard error. With --roster, one token for each row (email,name,section) goes to the file --out. With --url, --data or --stack it asks the gateway who was replaced before, and for the budget of the key; --replace needs it.',
    )
    .option(
      '--models <models>',
      'exact ids or "provider/*" (default: all models of the key)',
      toModels,
    )
    .option('--limit-usd <amount>', 'spending limit for its whole life', toUsd)
    .requiredOption('--expires <when>', '24h, 7d, or 2026-12-01T12:00Z', toExpiry(nowMs))
    .option('--user <user>', 'user of the token; user limits count all their tokens', toUser)
    .option(
      '--jti <name>',
      'its name; tokens with the same name share one allowance (default: random)',
      toJti,
    )
    .option('--tag <name=value>', 'tag of its usage, such as project=alpha; repeatable', toTags)
    .option(
      '--max-token-lifetime <time>',
      "the key's longest token lifetime, if it is more than 7 days",
      toTokenLifetime,
    )
    .action((flags: IssueFlags & RosterFlags) =>
      flags.roster === undefined
        ? issue(requireNoRosterFlags(flags), nowMs, terminal)
        : issueRoster(flags, nowMs, terminal),
    );

  withUrl(withPlace(tokens.command('inspect')))
    .summary("show a token's claims and spend")
    .description(
      'Reads a token offline, and checks its signature if HALLPASS_KEY is set. With --url, --data or --stack it also shows what the gateway knows: spent, held, left, revoked.',
    )
    .argument('<token>', TOKEN)
    .action((token: string, flags: InspectFlags) => inspect(token, flags, terminal));

  withUrl(withAuthor(withPlace(tokens.command('revoke'))))
    .summary('end tokens before they expire')
    .description(
      "Revokes one token (its next request is refused), all tokens with a jti (within 10 seconds), or all of a user's tokens issued until five seconds from now (from their next request). With --url it uses the key in HALLPASS_KEY; otherwise --jti and --user need --key.",
    )
    .argument('[token]', TOKEN)
    .option('--jti <name>', 'revoke all tokens with this name', toJti)
    .option('--user <user>', 'revoke all tokens of this user', toUser)
    .option('--key <name>', 'the key that signed them', toKeyName)
    .action((token: string | undefined, flags: RevokeFlags) => revoke(token, flags, terminal));
}
