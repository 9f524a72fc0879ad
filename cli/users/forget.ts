/**
 * `hallpass users forget`: removes a person's names from everything that a gateway keeps, with the operator's access.
 */
import { makeUsageNames } from '../../adapters/dynamodb/usage-names.ts';
import { type ForgottenUser, forgetUser } from '../../core/account/forget-user.ts';
import type { OwnedUsers } from '../../core/account/owned-users.ts';
import { DAY_MS } from '../../core/base/limits.ts';
import { foldUser } from '../../core/base/names.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import { findUnsummedDays } from '../../core/usage/forget.ts';
import { CommandError, wrongUse } from '../failure.ts';
import type { PlaceFlags } from '../flags.ts';
import { type Gateway, withGateway } from '../gateway/connect.ts';
import { type Line, printResult, type Terminal, toInstant, toLines } from '../output.ts';
import { personalUsersOf, type UsersPlace, usersOfRecord } from './place.ts';

/** The time that rows and sums of days are kept in any case. */
const ROW_DAYS = 400;
const SUM_DAYS = 1_200;

interface Scope {
  readonly name: string;
  readonly owned: OwnedUsers;
  readonly records: readonly KeyRecord[];
}

interface ScopeResult extends ForgottenUser {
  readonly name: string;
}

/** Forgets a person among the users of one key, of all personal keys, or, without either flag, of all keys. */
export async function forget(
  user: string,
  flags: PlaceFlags & UsersPlace,
  terminal: Terminal,
): Promise<void> {
  if (flags.key !== undefined && flags.personal) {
    throw wrongUse('--key and --personal cannot be used together');
  }
  const nowMs = Date.now();
  const forgotten = await withGateway(flags, terminal, async (gateway) => {
    const scopes = await scopesOf(flags, gateway);
    return {
      results: await forgetIn(scopes, { user, nowMs, terminal }, gateway),
      named: keysThatName(user, scopes),
    };
  });
  const json = toForgottenJson(user, forgotten, nowMs);
  const { rows, sums, changes, wallets } = json;
  if (rows + sums + changes + wallets.length === 0) throw new CommandError('there is no such user');
  printResult(flags, terminal, { json, text: () => toText(json) });
}

async function scopesOf(
  { key, personal }: UsersPlace,
  gateway: Gateway,
): Promise<readonly Scope[]> {
  const { account, keys } = gateway;
  const all = await keys.list(account);
  const isPersonal = ({ kind }: KeyRecord): boolean => kind === 'personal';
  const personalKeys: Scope = {
    name: 'personal keys',
    owned: personalUsersOf(gateway),
    records: all.filter(isPersonal),
  };
  const scopeOf = (record: KeyRecord): Scope => ({
    name: record.name,
    owned: usersOfRecord(account, record),
    // The keys of one person share a wallet.
    records: isPersonal(record) ? personalKeys.records : [record],
  });
  if (key !== undefined) return [scopeOf(await gateway.requireKey(key))];
  if (personal) return [personalKeys];
  return [...all.filter((record) => !isPersonal(record)).map(scopeOf), personalKeys];
}

async function forgetIn(
  scopes: readonly Scope[],
  { user, nowMs, terminal }: { user: string; nowMs: number; terminal: Terminal },
  gateway: Gateway,
): Promise<readonly ScopeResult[]> {
  const { dynamodb, environment } = gateway;
  const ports = { ...gateway, names: makeUsageNames(dynamodb, environment.usageTable) };
  const total = scopes.reduce((sum, { records }) => sum + records.length, 0);
  let done = 0;
  const onKey = (): void => {
    done += 1;
    terminal.redraw?.(`${done} of ${total} keys`);
  };
  try {
    const unsummed = await findUnsummedDays(nowMs, ports);
    const results: ScopeResult[] = [];
    for (const { name, owned, records } of scopes) {
      const keyIds = records.map(({ id }) => id);
      const ask = { text: user, owned, keyIds, nowMs, unsummed, onKey };
      results.push({ name, ...(await forgetUser(ask, ports)) });
    }
    return results;
  } finally {
    terminal.redraw?.('');
  }
}

/** The personal keys whose records name the user. They speak for this user as long as they are there. */
const keysThatName = (user: string, scopes: readonly Scope[]): readonly string[] => {
  const id = foldUser(user.replace(/^personal:/, ''));
  const records = scopes.flatMap((scope) => (scope.owned.arePersonal ? scope.records : []));
  const named = records.filter((record) => record.user && foldUser(record.user) === id);
  return [...new Set(named.map(({ name }) => name))];
};

function toForgottenJson(
  user: string,
  { results, named }: { results: readonly ScopeResult[]; named: readonly string[] },
  nowMs: number,
) {
  const sumOf = (count: (result: ScopeResult) => number): number =>
    results.reduce((sum, result) => sum + count(result), 0);
  const toDate = (atMs: number | undefined): string | null =>
    atMs === undefined ? null : toInstant(atMs);
  return {
    user,
    rows: sumOf(({ rows }) => rows),
    sums: sumOf(({ sums }) => sums),
    changes: sumOf(({ changes }) => changes),
    wallets: results.flatMap(({ name, wallets }) =>
      wallets.map(({ id, isBlocked, countersUntilMs, tokensUntilMs }) => ({
        key: name,
        id,
        blocked: isBlocked,
        counters_until: toDate(countersUntilMs),
        tokens_until: toDate(tokensUntilMs),
      })),
    ),
    rows_until: toInstant(nowMs + ROW_DAYS * DAY_MS),
    sums_until: toInstant(nowMs + SUM_DAYS * DAY_MS),
    named_by_keys: named,
  };
}

type ForgottenJson = ReturnType<typeof toForgottenJson>;

function toText(forgotten: ForgottenJson): string {
  const { rows, sums, changes, wallets, named_by_keys: named } = forgotten;
  return toLines([
    ['names removed', `from ${rows} rows, ${sums} sums of days and ${changes} changes`],
    ...wallets.map((wallet): Line => [wallet.id, keptText(wallet)]),
    ['rows', `stay without a name until ${forgotten.rows_until} at the latest`],
    ['sums of days', `stay without a name until ${forgotten.sums_until} at the latest`],
    ['still named', named.length > 0 ? `by the personal keys ${named.join(', ')}` : undefined],
  ]);
}

function keptText({ key, blocked, ...until }: ForgottenJson['wallets'][number]): string {
  const parts = [
    `of "${key}" stays with its sum of the whole life`,
    until.counters_until === null ? '' : `counters until ${until.counters_until}`,
    until.tokens_until === null
      ? ''
      : `sums and revocations of tokens until ${until.tokens_until} at least`,
    blocked ? 'the block, until it is ended' : '',
  ];
  return parts.filter((part) => part !== '').join('; ');
}
