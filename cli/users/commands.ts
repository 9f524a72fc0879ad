/**
 * `hallpass users`: list, show, raise, credit, block, unblock and forget the users of a key.
 */
import { type Command, InvalidArgumentError } from 'commander';
import type { UserView } from '../../core/account/views.ts';
import { parseLimit } from '../../core/base/limit-text.ts';
import type { Limit } from '../../core/base/limits.ts';
import { asNanoUsd, usdFromNano } from '../../core/base/money.ts';
import { CommandError, wrongUse } from '../failure.ts';
import { must, type PlaceFlags, toKeyName, withAuthor, withPlace } from '../flags.ts';
import { type UrlFlag, withUrl } from '../gateway/by-key.ts';
import { printResult, type Terminal } from '../output.ts';
import { forget } from './forget.ts';
import { type UsersPlace, withUsers } from './place.ts';
import { userLines, userTable } from './text.ts';

interface UsersFlags extends PlaceFlags, UrlFlag, UsersPlace {}

interface ListFlags extends UsersFlags {
  readonly near?: number;
  readonly sort?: string;
}

interface SetFlags extends UsersFlags {
  readonly limit?: readonly Limit[];
  readonly until?: string;
  readonly creditUsd?: number;
  readonly note?: string;
}

const USER = 'an id such as token:ann@x.edu, or an e-mail address alone';

/** Adds the commands to the program. */
export function addUserCommands(program: Command, terminal: Terminal): void {
  const users = program.command('users').description('see and change the users of a key');

  withPlaces(users.command('list'))
    .summary('list the users of a key')
    .description('Lists users with what they spent, what is left and who is blocked.')
    .option('--near <percent>', 'only users who have used so much of a limit', toPercent)
    .option('--sort <name>', 'spent, left, seen or near')
    .action((flags: ListFlags) => list(flags, terminal));

  withPlaces(users.command('show'))
    .summary('show one user')
    .argument('<user>', USER)
    .action((user: string, flags: UsersFlags) => show(user, flags, terminal));

  withAuthor(withPlaces(users.command('set')))
    .summary('give a user limits of their own, credit or a note')
    .description(
      'In force at the next request. --limit replaces all own limits of the user, and "--limit none" removes them; an own limit takes the place of the key\'s of the same unit and window.',
    )
    .argument('<user>', USER)
    .option(
      '--limit <limit>',
      'unit:window=value such as usd:week=10, or "none"; repeatable',
      toOwn,
    )
    .option('--until <when>', 'end of these limits: a date (inclusive, UTC) or an instant')
    .option('--credit-usd <amount>', 'adds to the limit usd:total; below zero takes back', toCredit)
    .option('--note <text>', 'a note of up to 500 characters; empty removes it')
    .action((user: string, flags: SetFlags) => set(user, flags, terminal));

  withAuthor(withPlaces(users.command('block')))
    .summary('refuse all requests of a user')
    .description('In force at the next request. The user reads the reason.')
    .argument('<user>', USER)
    .requiredOption('--reason <text>', '1 to 200 characters')
    .action((user: string, { reason, ...flags }: UsersFlags & { reason: string }) =>
      change(user, { blocked: reason }, flags, terminal),
    );

  withPersonFlags(withPlace(users.command('forget')))
    .summary('remove the names of a user from everything that is kept')
    .description(
      'Removes them from usage rows, sums of days, the list of changes and the record of the user. Counters, a block and revocations stay under a hash, and nothing is worth more afterwards. Without --key and --personal, the user of any key is meant. May be broken off and run again.',
    )
    .argument('<user>', USER)
    .action((user: string, flags: PlaceFlags & UsersPlace) => forget(user, flags, terminal));

  withAuthor(withPlaces(users.command('unblock')))
    .summary('end the block of a user')
    .argument('<user>', USER)
    .action((user: string, flags: UsersFlags) => change(user, { blocked: null }, flags, terminal));
}

const withPlaces = (command: Command): Command => withPersonFlags(withUrl(withPlace(command)));

const withPersonFlags = (command: Command): Command =>
  command
    .option(
      '--key <name>',
      'the key whose users are meant; with --url one that yours manages',
      toKeyName,
    )
    .option('--personal', 'the users of all personal keys, with --data or --stack');

function toPercent(text: string): number {
  if (/^\d{1,2}$|^100$/.test(text)) return Number(text);
  throw must('a whole number from 0 to 100', text);
}

/** Parses a limit of one user, or `none`. */
function toOwn(text: string, others: readonly Limit[] = []): readonly Limit[] {
  if (text === 'none' && others.length === 0) return [];
  try {
    // Zero is allowed here: it is how a user gets nothing of a unit.
    const [name = '', value = ''] = text.split('=');
    const limit = parseLimit(`user:${name}=${value === '0' ? '1' : value}`);
    return [...others, value === '0' ? { ...limit, amount: 0n } : limit];
  } catch {
    throw must('unit:window=value such as usd:week=10, or "none" alone', text);
  }
}

function toCredit(text: string): number {
  if (/^-?\d{1,7}(\.\d{1,9})?$/.test(text) && Number(text) !== 0) return Number(text);
  throw new InvalidArgumentError('It must be dollars from -1000000 to 1000000, and not 0.');
}

async function list(flags: ListFlags, terminal: Terminal): Promise<void> {
  const { near, sort } = flags;
  const { users, isWhole } = await withUsers(flags, terminal, (place) =>
    place.list({ near, sort }),
  );
  printResult(flags, terminal, { json: users, text: () => userTable(users) });
  if (!isWhole) {
    throw new CommandError(
      'there are more users than this list reads, so some are missing; without --near and --sort it reads 200,000',
    );
  }
}

async function show(user: string, flags: UsersFlags, terminal: Terminal): Promise<void> {
  print(await withUsers(flags, terminal, (place) => place.find(user)), flags, terminal);
}

async function set(user: string, flags: SetFlags, terminal: Terminal): Promise<void> {
  const { limit, until, creditUsd, note } = flags;
  if (until !== undefined && !limit?.length) throw wrongUse('--until needs a --limit');
  const fields = {
    ...(limit && { limits: limit.map((each) => toField(each, until)) }),
    ...(creditUsd !== undefined && { credit_usd: creditUsd }),
    ...(note !== undefined && { note }),
  };
  if (Object.keys(fields).length === 0) {
    throw wrongUse('nothing to set: give --limit, --credit-usd or --note');
  }
  await change(user, fields, flags, terminal);
}

const toField = ({ per, unit, window, amount }: Limit, until: string | undefined) => ({
  per,
  unit,
  window,
  limit: unit === 'usd' ? usdFromNano(asNanoUsd(amount)) : Number(amount),
  ...(until !== undefined && { until }),
});

async function change(
  user: string,
  fields: object,
  flags: UsersFlags,
  terminal: Terminal,
): Promise<void> {
  const changed = await withUsers(flags, terminal, (place) => place.change(user, fields));
  terminal.note(`changed the user "${changed.id}": in force at the next request`);
  print(changed, flags, terminal);
}

const print = (user: UserView, flags: UsersFlags, terminal: Terminal): void =>
  printResult(flags, terminal, { json: user, text: () => userLines(user) });
