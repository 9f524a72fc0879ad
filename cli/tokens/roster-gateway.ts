/**
 * What a roster asks the gateway: which budgets the key has, and what is left of a token that leaked.
 * Invariant: a leaked token is revoked before what it spent is read, so that what takes its place adds nothing.
 */

import { makeWalletMarks } from '../../adapters/dynamodb/marks.ts';
import { makeWallets } from '../../adapters/dynamodb/wallets.ts';
import { systemClock as clock } from '../../adapters/system.ts';
import { spentOf } from '../../core/account/key-info.ts';
import { revokeToken } from '../../core/account/revoke.ts';
import { formatLimit } from '../../core/base/limit-text.ts';
import {
  asNanoUsd,
  type NanoUsd,
  nanoUsdFromUsd,
  toUsdText,
  usdFromNano,
} from '../../core/base/money.ts';
import { type KeyAdminPorts, noteRevocation, requireKey } from '../../core/keys/key-admin.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import { requireKid } from '../../core/tokens/issue.ts';
import { jtiOfRow, type RosterRow } from '../../core/tokens/roster.ts';
import { tokenIdOf } from '../../core/tokens/scoped-claims.ts';
import { walletIdOfToken } from '../../core/wallet/payer.ts';
import type { Wallet } from '../../core/wallet/ports.ts';
import { CommandError } from '../failure.ts';
import type { PlaceFlags } from '../flags.ts';
import { type Gateway, makeAdminPorts, withGateway } from '../gateway/connect.ts';
import type { Terminal } from '../output.ts';

/** A token in the place of one that leaked. */
export interface Replacement {
  /** From 2. */
  readonly generation: number;
  readonly jti: string;
  /** The `jti` that is refused from now on. */
  readonly revoked: string;
  /** What was left, in dollars; undefined: it has no limit of its own. */
  readonly spendingLimit?: number;
}

export interface Budget {
  readonly name: string;
  readonly amount: NanoUsd;
}

/** What is asked for: the students whose tokens leaked, and what their period's tokens are. */
interface Ask {
  readonly emails: readonly string[];
  readonly period: string;
  readonly kid: string;
  /** In dollars. */
  readonly spendingLimit: number | undefined;
  readonly expiresAtMs: number;
}

interface Answer {
  readonly budgets: readonly Budget[];
  readonly replaced: ReadonlyMap<string, Replacement>;
}

/** After that many leaks in one period somebody should talk to that student. */
const GENERATIONS_MAX = 100;

/** Asks the gateway of a place. @throws CommandError when it is not the key's, or nothing is left of a token */
export async function askGateway(ask: Ask, place: PlaceFlags, terminal: Terminal): Promise<Answer> {
  const { account, keyName } = requireKid(ask.kid);
  return withGateway(place, terminal.variables, async (gateway) => {
    if (account !== gateway.account) {
      throw new CommandError(`the key is of the account "${account}", not of this gateway`);
    }
    const record = await requireKey(keyName, { account, store: gateway.keys });
    const replaced = new Map<string, Replacement>();
    const ports = await makeAdminPorts(gateway, place, terminal.variables);
    for (const email of ask.emails) {
      replaced.set(email, await replaceToken(email, ask, { record, gateway, ports }));
    }
    return { budgets: budgetsOf(record), replaced };
  });
}

const budgetsOf = ({ limits }: KeyRecord): readonly Budget[] =>
  limits
    .filter(({ per, unit }) => per === 'key' && unit === 'usd')
    .map((limit) => ({ name: formatLimit(limit), amount: asNanoUsd(limit.amount) }));

interface Signer {
  readonly record: KeyRecord;
  readonly gateway: Gateway;
  readonly ports: KeyAdminPorts;
}

async function replaceToken(email: string, ask: Ask, signer: Signer): Promise<Replacement> {
  const { record, gateway, ports } = signer;
  const { dynamodb, environment } = gateway;
  const wallets = makeWallets(dynamodb, environment.walletsTable);
  const { id: keyId, account, name: keyName, maxTokenLifetimeSeconds } = record;
  const nameOf = (generation: number) => jtiOfRow(ask.period, email, generation);
  const idOf = (generation: number) => tokenIdOf(nameOf(generation), '');
  const walletId = walletIdOfToken(keyId, { id: idOf(1), user: email });
  const leaked = generationInForce(await wallets.find(walletId), idOf);
  const revoked = nameOf(leaked);
  await revokeToken(
    { account, keyId, keyName, maxTokenLifetimeSeconds },
    { id: idOf(leaked), expiresAtMs: ask.expiresAtMs, user: email },
    { marks: makeWalletMarks(dynamodb, environment.walletsTable), clock },
  );
  await noteRevocation(keyName, { jti: revoked, user: email }, ports);
  const generation = leaked + 1;
  const made = { generation, jti: nameOf(generation), revoked };
  const limit = ask.spendingLimit === undefined ? undefined : nanoUsdFromUsd(ask.spendingLimit);
  if (limit === undefined) return made;
  const left = leftOf(
    limit,
    await wallets.find(walletId),
    [...Array(leaked).keys()].map((at) => idOf(at + 1)),
  );
  if (left > 0n) return { ...made, spendingLimit: usdFromNano(asNanoUsd(left)) };
  throw new CommandError(
    `the token of ${email} is revoked; of its ${toUsdText(limit)} USD nothing is left for another one`,
  );
}

/** The first that is not revoked: nothing but the marks is needed to know how often a token was replaced. */
function generationInForce(
  wallet: Wallet | undefined,
  idOf: (generation: number) => ReturnType<typeof tokenIdOf>,
): number {
  for (let generation = 1; generation < GENERATIONS_MAX; generation += 1) {
    if (!wallet?.revokedTokens.has(idOf(generation))) return generation;
  }
  throw new CommandError(`a token was replaced ${GENERATIONS_MAX} times in one period`);
}

/** What is held by requests in flight counts as spent. */
function leftOf(
  limit: NanoUsd,
  wallet: Wallet | undefined,
  ids: readonly ReturnType<typeof tokenIdOf>[],
): bigint {
  let left: bigint = limit;
  for (const id of ids) {
    const { settled, reserved } = spentOf(wallet, { id }, clock.nowMs());
    left -= settled + reserved;
  }
  return left;
}

/**
 * Finds those whose tokens are replaced, by address or by line, in a whole roster without a bad row.
 * @throws CommandError when one of them is nobody's
 */
export async function findRows(
  wanted: readonly string[],
  rows: AsyncIterable<RosterRow>,
): Promise<readonly string[]> {
  const missing = new Set(wanted);
  const emails = new Set<string>();
  for await (const { email, line } of rows) {
    for (const name of [email, String(line)]) {
      if (!wanted.includes(name)) continue;
      missing.delete(name);
      emails.add(email);
    }
  }
  const [first] = missing;
  if (first === undefined) return [...emails];
  throw new CommandError(`--replace: the roster has no row "${first}"; nothing was revoked`);
}

/** The budgets that all limits together pass, in words. */
export function budgetWarnings(
  { count, limitUsd }: { readonly count: number; readonly limitUsd: number | undefined },
  budgets: readonly Budget[],
): readonly string[] {
  const limit = limitUsd === undefined ? undefined : nanoUsdFromUsd(limitUsd);
  if (limit === undefined) return [];
  const sum = asNanoUsd(limit * BigInt(count));
  return budgets
    .filter(({ amount }) => sum > amount)
    .map(
      ({ name }) =>
        `${count} limits of ${limitUsd} USD are ${toUsdText(sum)} USD, more than the key's own ${name}`,
    );
}
