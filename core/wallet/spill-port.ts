/**
 * The port to tokens that left their wallet. Flow: policy > **reserve** > forward > meter > **settle**.
 */
import type { TokenId, WalletId } from '../base/ids.ts';

/** All that a wallet counts of one token. */
export interface TokenPart {
  readonly tokenId: TokenId;
  readonly keepUntilMs: number;
  readonly isRevoked: boolean;
  /** By name, such as `t:<token>:usd:total`. */
  readonly counters: ReadonlyMap<string, bigint>;
}

/** Tokens that leave a wallet, after each was copied to an item of its own. */
export interface Spill {
  readonly walletId: WalletId;
  /** The wallet's `spills` as they were seen. */
  readonly seenSpills: number | undefined;
  /** Each as it was seen and copied, 0 to 8; none: the number is passed over. */
  readonly tokens: readonly TokenPart[];
}

export interface TokenMove {
  readonly moved: boolean;
  readonly writeUnits: number;
}

/**
 * Tokens outside their wallet. Fails closed. A token is counted by its wallet if that has its mark, else by its own item.
 * A spill is two writes, each of which may be late or missing; a return changes both items or neither. Each happens once.
 */
export interface Spills {
  /**
   * Copies a token for the wallet's spill of this number. What the item counts beside it stays: a revocation may have
   * marked the token in its wallet while its sums were outside.
   * False: there is a copy for this or a later spill.
   */
  copyToken(walletId: WalletId, token: TokenPart, spill: number): Promise<TokenMove>;
  /** Takes copied tokens out of the wallet. False: a token or the wallet's `spills` changed since they were seen. */
  spill(spill: Spill): Promise<TokenMove>;
  /** A token that left a wallet; undefined: it is not outside. */
  findSpilled(walletId: WalletId, tokenId: TokenId): Promise<TokenPart | undefined>;
  /** Moves a token back. False: it changed since it was seen, or the wallet counts it already. */
  unspill(
    walletId: WalletId,
    token: TokenPart,
    /** The wallet that the token left. @default the same */
    from?: WalletId,
  ): Promise<TokenMove>;
}
