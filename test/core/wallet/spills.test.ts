import { beforeEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../core/access/grant.ts';
import { asRequestId, asTokenId } from '../../../core/base/ids.ts';
import { walletIdOf } from '../../../core/wallet/payer.ts';
import type { Wallet } from '../../../core/wallet/ports.ts';
import { reserve } from '../../../core/wallet/reserve.ts';
import { settle } from '../../../core/wallet/settle.ts';
import { findWithTokens, tokensToSpill } from '../../../core/wallet/spills.ts';
import { type MemoryPorts, makeMemoryPorts } from '../../support/memory-ports.ts';
import {
  makeGrant,
  makeHold,
  makeRow,
  makeWallet,
  NOW_MS,
  refusalOf,
  usd,
} from '../../support/wallet-fixtures.ts';

const ID = walletIdOf(makeGrant([]));

const tokenId = (index: number) => asTokenId(`t${index}`);
const PREFIX = { hashes: ['00000000000000aa'], inputTokens: 7, modelTag: '0001' };

/** A wallet with so many tokens, the first of which was used last. */
const walletWith = (tokens: number, overrides: Partial<Wallet> = {}): Wallet =>
  makeWallet({
    id: ID,
    counters: new Map(
      Array.from({ length: tokens }, (_, index) => [`t:t${index}:usd:total`, BigInt(index)]),
    ),
    tokenKeepUntilMs: new Map(
      Array.from({ length: tokens }, (_, index) => [tokenId(index), NOW_MS - index]),
    ),
    ...overrides,
  });

const idsOf = (wallet: Wallet, inUse = tokenId(0)) =>
  tokensToSpill(wallet, inUse).map((token) => token.tokenId);

describe('the tokens that leave a wallet', () => {
  test('are none of eight, and of more as many as are too many, eight at most', () => {
    expect(idsOf(walletWith(8))).toEqual([]);
    expect(idsOf(walletWith(10))).toEqual(['t9', 't8']);
    expect(idsOf(walletWith(99))).toHaveLength(8);
  });

  test('have all that is counted of them, and their revocation', () => {
    const [last] = tokensToSpill(
      walletWith(9, { revokedTokens: new Set([tokenId(8)]) }),
      undefined,
    );

    expect(last).toEqual({
      tokenId: 't8',
      keepUntilMs: NOW_MS - 8,
      isRevoked: true,
      counters: new Map([['t:t8:usd:total', 8n]]),
    });
  });

  test('are neither in use nor hold anything', () => {
    const hold = makeHold({ tokenId: tokenId(8) });
    const wallet = walletWith(10, { holds: new Map([[hold.requestId, hold]]) });

    expect(idsOf(wallet, tokenId(9))).toEqual(['t7', 't6']);
  });

  test('have at most 18 counters', () => {
    const counters = new Map(
      Array.from({ length: 19 }, (_, index) => [`t:t8:usd:minute:${index}`, 1n]),
    );

    expect(idsOf(walletWith(9, { counters }))).not.toContain('t8');
  });

  test.each([
    ['is small', 1_000, false, 0],
    ['is large', 1_001, false, 1],
    ['is large, and can forget its prompts first', 1_001, true, 0],
  ])('of few tokens leave if the item %s', (_how, bytes, hasMemory, count) => {
    const memory = { salt: '00', prompts: new Map([[0, PREFIX]]) };
    const wallet = walletWith(3, { bytes, ...(hasMemory && { memory }) });

    expect(idsOf(wallet)).toHaveLength(count);
  });

  test('are never the last one', () => {
    expect(idsOf(walletWith(1, { bytes: 2_000 }), asTokenId('other'))).toEqual([]);
  });
});

describe('a token that left its wallet', () => {
  let ports: MemoryPorts;
  let count = 0;
  beforeEach(() => {
    ports = makeMemoryPorts();
  });
  const grantOf = (token: string): Grant =>
    makeGrant(['token:usd:total=0.000000010'], {
      token: {
        id: asTokenId(token),
        issuedAtMs: NOW_MS - 1,
        expiresAtMs: NOW_MS + 86_400_000,
        revoked: false,
      },
    });
  const hold = (grant: Grant, amount: number, over = ports) => {
    count += 1;
    const requestId = asRequestId(`r${count}`);
    const amounts = usd(amount);
    return reserve({ grant, requestId, amounts, leaseEndsAtMs: NOW_MS + 900_000 }, over);
  };
  const spend = async (token: string, amount: number, over = ports) => {
    const { hold: held } = await hold(grantOf(token), amount, over);
    await settle(held, makeRow(held, usd(amount)), over);
  };
  const spendOthers = async (from: number) => {
    for (let index = from; index < from + 9; index += 1) await spend(`other${index}`, 1);
  };

  test('comes back with what it has spent', async () => {
    await spend('old', 6);
    await spendOthers(0);
    expect((await ports.wallets.find(ID))?.counters.has('t:old:usd:total')).toBe(false);

    expect((await refusalOf(hold(grantOf('old'), 5))).code).toBe('insufficient_quota');
    await spend('old', 4);

    expect((await ports.wallets.find(ID))?.counters.get('t:old:usd:total')).toBe(10n);
  });

  test('stays revoked, and is found by those that only look', async () => {
    await spend('old', 6);
    ports.wallets.revokeToken(ID, asTokenId('old'));
    await spendOthers(0);

    const seen = await findWithTokens(ports.wallets, ID, [asTokenId('old')]);

    expect(seen?.revokedTokens.has(asTokenId('old'))).toBe(true);
    expect(seen?.counters.get('t:old:usd:total')).toBe(6n);
    expect((await refusalOf(hold(grantOf('old'), 1))).code).toBe('token_revoked');
  });

  test('that was revoked meanwhile is seen with all that it has spent', async () => {
    await spend('old', 6);
    await spendOthers(0);
    ports.wallets.revokeToken(ID, asTokenId('old'));

    const seen = await findWithTokens(ports.wallets, ID, [asTokenId('old')]);

    expect(seen?.counters.get('t:old:usd:total')).toBe(6n);
    expect(seen?.revokedTokens.has(asTokenId('old'))).toBe(true);
  });

  // guarantee: spill-once
  test('is counted by its wallet as long as that has its mark, whatever a copy says', async () => {
    await spend('old', 6);
    const part = { tokenId: asTokenId('old'), keepUntilMs: NOW_MS, isRevoked: false };
    const counters = new Map([['t:old:usd:total', 2n]]);
    await spendOthers(0);
    await spend('old', 1);
    await ports.wallets.copyToken(ID, { ...part, counters }, 99);

    const seen = await findWithTokens(ports.wallets, ID, [asTokenId('old')]);

    expect(seen?.counters.get('t:old:usd:total')).toBe(7n);
    expect((await refusalOf(hold(grantOf('old'), 4))).code).toBe('insufficient_quota');
  });

  // guarantee: copy-in-order
  test('leaves with the next settle, if a function died between its copy and its spill', async () => {
    for (let index = 0; index < 8; index += 1) await spend(`t${index}`, 1);
    const spill = async (): Promise<never> => {
      throw new Error('dead');
    };
    await spend('t8', 1, { ...ports, wallets: { ...ports.wallets, spill } });
    await spend('t8', 1);
    expect((await ports.wallets.find(ID))?.tokenKeepUntilMs.size).toBe(9);
    await spend('t8', 1);

    expect((await ports.wallets.find(ID))?.tokenKeepUntilMs.size).toBe(8);
  });

  // guarantee: token-counted-once
  test('while a request looks for it is looked for again', async () => {
    await spendOthers(0);
    let looks = 0;
    const wallets: MemoryPorts['wallets'] = {
      ...ports.wallets,
      findSpilled: async (...search) => {
        looks += 1;
        const found = await ports.wallets.findSpilled(...search);
        if (looks === 1) {
          // Another request uses the token for the first time, and then it leaves the wallet.
          await spend('new', 6);
          await spendOthers(20);
        }
        return found;
      },
    };

    expect((await refusalOf(hold(grantOf('new'), 5, { ...ports, wallets }))).code).toBe(
      'insufficient_quota',
    );
    expect(looks).toBe(2);
  });

  test('is left where it is when the table fails', async () => {
    const spill = async (): Promise<never> => {
      throw new Error('lost');
    };
    const failing = { ...ports, wallets: { ...ports.wallets, spill } };
    for (let index = 0; index < 9; index += 1) await spend(`t${index}`, 1, failing);

    expect((await ports.wallets.find(ID))?.tokenKeepUntilMs.size).toBe(9);
  });
});
