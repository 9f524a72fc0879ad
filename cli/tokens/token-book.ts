/**
 * The gateway's knowledge of tokens that were issued before: in its tables, or over HTTP with the key alone.
 */
import { systemClock as clock } from '../../adapters/system.ts';
import { findTokenWallet } from '../../core/account/find-wallet.ts';
import { spentOf } from '../../core/account/key-info.ts';
import { revokeToken } from '../../core/account/revoke.ts';
import type { JsonObject } from '../../core/base/json.ts';
import { formatLimit } from '../../core/base/limit-text.ts';
import { asNanoUsd, type NanoUsd, nanoUsdFromUsd, ZERO_USD } from '../../core/base/money.ts';
import { noteRevocation } from '../../core/keys/key-admin.ts';
import { type IssueRequest, issueOffline, requireKid } from '../../core/tokens/issue.ts';
import { tokenIdOf } from '../../core/tokens/scoped-claims.ts';
import { CommandError } from '../failure.ts';
import type { PlaceFlags } from '../flags.ts';
import { callByKey, type UrlFlag } from '../gateway/by-key.ts';
import { withAdmin } from '../gateway/connect.ts';
import { requireMatchingModels } from '../model-check.ts';
import type { Terminal } from '../output.ts';
import { keyOf, portsOf } from './revoke.ts';

/** The part of a token that the flags give, the same for every row of a roster. */
export type CommonAsk = Omit<IssueRequest, 'user' | 'jti'>;

/** True if a flag names a gateway to ask. */
export const namesGateway = ({ data, stack, url }: PlaceFlags & UrlFlag): boolean =>
  [data, stack, url].some((each) => each !== undefined);

/** A token by its name and its user. */
export interface NamedToken {
  readonly jti: string;
  readonly user: string;
}

export interface TokenState {
  readonly isRevoked: boolean;
  /** Settled, and held by requests in flight. */
  readonly usedNanoUsd: bigint;
}

export interface Budget {
  readonly name: string;
  readonly amount: NanoUsd;
}

export interface TokenBook {
  /** The key's own budgets. */
  readonly budgets: readonly Budget[];
  /** @throws CommandError that names the entries which match no model of the gateway */
  requireModels(entries: readonly string[]): Promise<void>;
  find(token: NamedToken): Promise<TokenState>;
  revoke(token: NamedToken): Promise<void>;
}

/** Opens the book of the key that signs. @throws CommandError if the key belongs to another gateway */
export const withTokenBook = <T>(
  ask: CommonAsk,
  place: PlaceFlags & UrlFlag,
  terminal: Terminal,
  use: (book: TokenBook) => Promise<T>,
): Promise<T> =>
  place.url === undefined
    ? withTables(ask, place, terminal, use)
    : openByKey(place.url, ask, terminal).then(use);

function withTables<T>(
  { kid, expiresAtMs }: CommonAsk,
  place: PlaceFlags,
  terminal: Terminal,
  use: (book: TokenBook) => Promise<T>,
): Promise<T> {
  const { account, keyName } = requireKid(kid);
  return withAdmin(place, terminal, async (ports, gateway) => {
    if (account !== gateway.account) {
      throw new CommandError(`the key belongs to the account "${account}", not to this gateway`);
    }
    const record = await gateway.requireKey(keyName);
    return use({
      budgets: record.limits
        .filter(({ per, unit }) => per === 'key' && unit === 'usd')
        .map((limit) => ({ name: formatLimit(limit), amount: asNanoUsd(limit.amount) })),
      requireModels: (models) => requireMatchingModels({ models }, gateway.models),
      async find({ jti, user }) {
        const id = tokenIdOf(jti, '');
        const wallet = await findTokenWallet(record.id, { id, user }, gateway.wallets);
        const { settled, reserved } = spentOf(wallet, { id }, clock.nowMs());
        const isMarked = wallet?.revokedTokens.has(id) ?? false;
        const isRevoked = isMarked || record.revoked.includes(id);
        return { isRevoked, usedNanoUsd: settled + reserved };
      },
      async revoke({ jti, user }) {
        const token = { id: tokenIdOf(jti, ''), expiresAtMs, user };
        await revokeToken(keyOf(record), token, portsOf(gateway));
        await noteRevocation(record.name, { jti, user }, ports);
      },
    });
  });
}

/** The gateway answers about a token that has the name and the user, which is signed for the question alone. */
async function openByKey(url: string, ask: CommonAsk, terminal: Terminal): Promise<TokenBook> {
  const { data } = await callByKey(url, '/key', terminal);
  const about = ({ jti, user }: NamedToken): string => {
    const { token } = issueOffline({ ...ask, jti, user }, clock.nowMs());
    return `/scoped-jwt?${new URLSearchParams({ jwtoken: token })}`;
  };
  return {
    budgets: budgetsIn(data),
    async requireModels(models) {
      if (models.length === 0) return;
      // A token that ends after a second and may spend nothing worth a name.
      const body = { models, expires_delta: 1, spending_limit: 1e-9 };
      await callByKey(url, '/scoped-jwt', terminal, { method: 'POST', body });
    },
    async find(token) {
      const answer = await callByKey(url, about(token), terminal);
      return {
        isRevoked: answer.revoked === true,
        usedNanoUsd: toNano(answer.spent) + toNano(answer.reserved),
      };
    },
    async revoke(token) {
      await callByKey(url, about(token), terminal, { method: 'DELETE' });
    },
  };
}

const toNano = (usd: unknown): bigint => nanoUsdFromUsd(Number(usd)) ?? ZERO_USD;

/** Reads the key's own budgets in the answer of `/v1/key`. */
function budgetsIn(data: unknown): readonly Budget[] {
  const { limits } = Object(data);
  const all: readonly JsonObject[] = Array.isArray(limits) ? limits : [];
  return all
    .filter(({ per, unit }) => per === 'key' && unit === 'usd')
    .map(({ window, limit }) => ({
      name: `key:usd:${window}=${limit}`,
      amount: asNanoUsd(toNano(limit)),
    }));
}
