/**
 * The gateway's part of a roster: the key's budgets, the students whose tokens were replaced before, and the replacement
 * of leaked tokens.
 * Invariant: a leaked token is revoked before its spend is read, so that the new token adds no allowance.
 */

import { mapSome } from '../../core/base/chunks.ts';
import {
  asNanoUsd,
  type NanoUsd,
  nanoUsdFromUsd,
  toUsdText,
  usdFromNano,
} from '../../core/base/money.ts';
import { jtiOfRow, type RosterRow, spellingsOf } from '../../core/tokens/roster.ts';
import { CommandError } from '../failure.ts';
import type { PlaceFlags } from '../flags.ts';
import type { UrlFlag } from '../gateway/by-key.ts';
import type { Terminal } from '../output.ts';
import {
  type Budget,
  type CommonAsk,
  type NamedToken,
  type TokenBook,
  type TokenState,
  withTokenBook,
} from './token-book.ts';

/** The token of a student that took the place of another one. */
export interface Replacement {
  /** From 2. */
  readonly generation: number;
  readonly jti: string;
  /** The `jti` of the token that was revoked just now; absent: it was replaced before. */
  readonly revoked?: string;
  /** The rest of the allowance in dollars; absent if the token has no limit of its own. */
  readonly spendingLimit?: number;
}

interface GatewayAsk {
  /** The students to look up. */
  readonly rows: readonly RosterRow[];
  /** Addresses of those whose token leaked. */
  readonly leaked: ReadonlySet<string>;
  readonly period: string;
  readonly common: CommonAsk;
}

interface GatewayPart {
  readonly budgets: readonly Budget[];
  /** By address: students whose token is not their first one of the period. */
  readonly replaced: ReadonlyMap<string, Replacement>;
}

/** The most replacements for one student in one period. */
const GENERATIONS_MAX = 100;

/** Students that are looked up at once. */
const LOOKS_AT_ONCE = 8;

/** The smallest limit of a token: it hands out nothing. */
const NOTHING = asNanoUsd(1n);

/**
 * Replaces leaked tokens, finds those that were replaced before, and reads the key's budgets.
 * @throws CommandError if the key belongs to another gateway, an entry matches no model, or nothing is left of an allowance
 */
export function askGateway(
  ask: GatewayAsk,
  place: PlaceFlags & UrlFlag,
  terminal: Terminal,
): Promise<GatewayPart> {
  return withTokenBook(ask.common, place, terminal, async (book) => {
    await book.requireModels(modelsOf(ask));
    const replaced = new Map<string, Replacement>();
    const look = async (row: RosterRow): Promise<void> => {
      const current = await findCurrent(row, ask, book);
      if (current !== undefined) replaced.set(row.email, current);
    };
    // Leaked ones first, one by one: a user who stops the command knows which are revoked.
    for (const row of ask.rows.filter(({ email }) => ask.leaked.has(email))) await look(row);
    const others = ask.rows.filter(({ email }) => !ask.leaked.has(email));
    await mapSome(others, LOOKS_AT_ONCE, look);
    return { budgets: book.budgets, replaced };
  });
}

/** Returns all entries that tokens of the roster may list, each once. */
const modelsOf = ({ rows, common }: GatewayAsk): readonly string[] => [
  ...new Set([...(common.models ?? []), ...rows.flatMap(({ models = [] }) => models)]),
];

/** Finds a student's token in force, after replacing it if it leaked; undefined: it is their first one. */
async function findCurrent(
  row: RosterRow,
  { leaked, period, common }: GatewayAsk,
  book: TokenBook,
): Promise<Replacement | undefined> {
  const { email, limitUsd } = row;
  const nameOf = (generation: number) => jtiOfRow(period, email, generation);
  const tokensOf = (generation: number) => namedTokens(row, period, generation);
  const find = async (generation: number): Promise<TokenState> => {
    const states = await Promise.all(tokensOf(generation).map((token) => book.find(token)));
    return {
      isRevoked: states.some(({ isRevoked }) => isRevoked),
      usedNanoUsd: states.reduce((sum, { usedNanoUsd }) => sum + usedNanoUsd, 0n),
    };
  };
  let generation = 1;
  let used = 0n;
  for (let state = await find(1); state.isRevoked; state = await find(generation)) {
    used += state.usedNanoUsd;
    generation += 1;
    if (generation === GENERATIONS_MAX) {
      throw new CommandError(`a token was replaced ${GENERATIONS_MAX} times in one period`);
    }
  }
  const revoked = leaked.has(email) ? nameOf(generation) : undefined;
  if (revoked !== undefined) {
    for (const token of tokensOf(generation)) await book.revoke(token);
    used += (await find(generation)).usedNanoUsd;
    generation += 1;
  }
  if (generation === 1) return undefined;
  const made = { generation, jti: nameOf(generation), ...(revoked !== undefined && { revoked }) };
  const limit = limitOf(limitUsd ?? common.spendingLimit);
  if (limit === undefined) return made;
  const left = asNanoUsd(limit - used);
  if (left > 0n) return { ...made, spendingLimit: usdFromNano(left) };
  if (revoked === undefined) return { ...made, spendingLimit: usdFromNano(NOTHING) };
  throw new CommandError(
    `the token of ${email} is revoked, and nothing of its ${toUsdText(limit)} USD is left for a new one`,
  );
}

/**
 * Names the tokens that a student may have had as the one of a generation, one for each spelling of their address. With
 * the file's own spelling the gateway looks in both wallets, that of the spelling and that of the person.
 */
const namedTokens = (row: RosterRow, period: string, generation: number): readonly NamedToken[] =>
  spellingsOf(row).map((spelling) => ({
    jti: jtiOfRow(period, spelling, generation),
    user: spelling === row.email ? (row.written ?? spelling) : spelling,
  }));

const limitOf = (usd: number | undefined): NanoUsd | undefined =>
  usd === undefined ? undefined : nanoUsdFromUsd(usd);

/**
 * Reads all rows of a roster, and finds those of leaked tokens by address or by line.
 * @throws CommandError if there is no such row, or the roster has an invalid one
 */
export async function findRows(
  wanted: readonly string[],
  rows: AsyncIterable<RosterRow>,
): Promise<Pick<GatewayAsk, 'rows' | 'leaked'>> {
  const missing = new Set(wanted);
  const leaked = new Set<string>();
  const all: RosterRow[] = [];
  for await (const row of rows) {
    all.push(row);
    for (const name of [row.email, String(row.line)]) {
      if (!wanted.includes(name)) continue;
      missing.delete(name);
      leaked.add(row.email);
    }
  }
  const [first] = missing;
  if (first === undefined) return { rows: all, leaked };
  throw new CommandError(`--replace: the roster has no row "${first}"; nothing was revoked`);
}

/** Returns a warning for each budget that is smaller than all limits together. */
export function budgetWarnings(
  { count, limitUsd }: { readonly count: number; readonly limitUsd: number | undefined },
  budgets: readonly Budget[],
): readonly string[] {
  const limit = limitOf(limitUsd);
  if (limit === undefined) return [];
  const sum = asNanoUsd(limit * BigInt(count));
  return budgets
    .filter(({ amount }) => sum > amount)
    .map(
      ({ name }) =>
        `${count} limits of ${limitUsd} USD are ${toUsdText(sum)} USD, more than the key's own ${name}`,
    );
}
