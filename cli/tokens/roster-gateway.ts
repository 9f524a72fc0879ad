/**
 * The gateway's part of a roster: the key's budgets, and the replacement of leaked tokens.
 * Invariant: a leaked token is revoked before its spend is read, so that the new token adds no allowance.
 */

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
import { type KeyAdminPorts, noteRevocation } from '../../core/keys/key-admin.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import { requireKid } from '../../core/tokens/issue.ts';
import { jtiOfRow, type RosterRow } from '../../core/tokens/roster.ts';
import { tokenIdOf } from '../../core/tokens/scoped-claims.ts';
import { walletIdOfToken } from '../../core/wallet/payer.ts';
import type { Wallet } from '../../core/wallet/ports.ts';
import { findWithTokens } from '../../core/wallet/spills.ts';
import { CommandError } from '../failure.ts';
import type { PlaceFlags } from '../flags.ts';
import { type Gateway, withAdmin } from '../gateway/connect.ts';
import type { Terminal } from '../output.ts';
import { keyOf, portsOf } from './revoke.ts';

/** A token that replaces a leaked one. */
export interface Replacement {
  /** From 2. */
  readonly generation: number;
  readonly jti: string;
  /** The `jti` of the leaked token. */
  readonly revoked: string;
  /** The rest of the allowance in dollars; absent if the token has no limit of its own. */
  readonly spendingLimit?: number;
}

export interface Budget {
  readonly name: string;
  readonly amount: NanoUsd;
}

/** The students whose tokens leaked, and the settings of their tokens. */
interface ReplaceAsk {
  readonly emails: readonly string[];
  readonly period: string;
  readonly kid: string;
  /** In dollars. */
  readonly spendingLimit: number | undefined;
  readonly expiresAtMs: number;
}

interface GatewayPart {
  readonly budgets: readonly Budget[];
  readonly replaced: ReadonlyMap<string, Replacement>;
}

/** The most replacements for one student in one period. */
const GENERATIONS_MAX = 100;

/**
 * Replaces leaked tokens and reads the key's budgets.
 * @throws CommandError if the key belongs to another gateway, or nothing is left of an allowance
 */
export async function askGateway(
  ask: ReplaceAsk,
  place: PlaceFlags,
  terminal: Terminal,
): Promise<GatewayPart> {
  const { account, keyName } = requireKid(ask.kid);
  return withAdmin(place, terminal, async (ports, gateway) => {
    if (account !== gateway.account) {
      throw new CommandError(`the key belongs to the account "${account}", not to this gateway`);
    }
    const record = await gateway.requireKey(keyName);
    const replaced = new Map<string, Replacement>();
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

interface SigningKey {
  readonly record: KeyRecord;
  readonly gateway: Gateway;
  readonly ports: KeyAdminPorts;
}

async function replaceToken(
  email: string,
  ask: ReplaceAsk,
  { record, gateway, ports }: SigningKey,
): Promise<Replacement> {
  const { dynamodb, environment } = gateway;
  const wallets = makeWallets(dynamodb, environment.walletsTable);
  const nameOf = (generation: number) => jtiOfRow(ask.period, email, generation);
  const idOf = (generation: number) => tokenIdOf(nameOf(generation), '');
  const walletId = walletIdOfToken(record.id, { id: idOf(1), user: email });
  const ids = [...Array(GENERATIONS_MAX).keys()].map((at) => idOf(at + 1));
  const readWallet = () => findWithTokens(wallets, walletId, ids);
  const leaked = generationInForce(await readWallet(), idOf);
  const revoked = nameOf(leaked);
  const token = { id: idOf(leaked), expiresAtMs: ask.expiresAtMs, user: email };
  await revokeToken(keyOf(record), token, portsOf(gateway));
  await noteRevocation(record.name, { jti: revoked, user: email }, ports);
  const generation = leaked + 1;
  const made = { generation, jti: nameOf(generation), revoked };
  const limit = ask.spendingLimit === undefined ? undefined : nanoUsdFromUsd(ask.spendingLimit);
  if (limit === undefined) return made;
  const left = leftOf(
    limit,
    await readWallet(),
    [...Array(leaked).keys()].map((at) => idOf(at + 1)),
  );
  if (left > 0n) return { ...made, spendingLimit: usdFromNano(asNanoUsd(left)) };
  throw new CommandError(
    `the token of ${email} is revoked, and nothing of its ${toUsdText(limit)} USD is left for a new one`,
  );
}

/** Returns the number of the first token that is not revoked. The wallet's marks tell how often it was replaced. */
function generationInForce(
  wallet: Wallet | undefined,
  idOf: (generation: number) => ReturnType<typeof tokenIdOf>,
): number {
  for (let generation = 1; generation < GENERATIONS_MAX; generation += 1) {
    if (!wallet?.revokedTokens.has(idOf(generation))) return generation;
  }
  throw new CommandError(`a token was replaced ${GENERATIONS_MAX} times in one period`);
}

/** Returns the rest of an allowance. Amounts held by requests in flight count as spent. */
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
 * Finds the rows of replaced tokens in a roster, by address or by line.
 * @throws CommandError if there is no such row, or the roster has an invalid one
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

/** Returns a warning for each budget that is smaller than all limits together. */
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
