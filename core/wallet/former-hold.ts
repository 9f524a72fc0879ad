/**
 * Holds as version 0.1 writes them: `attempt|reserved at|lease end|usd|tokens|`, the numbers after the attempt in base 36,
 * and the text that a hold has now.
 */
import { parseBase36 } from '../base/base36.ts';
import { asNanoUsd } from '../base/money.ts';
import type { Hold } from './hold.ts';
import { decodeHoldText } from './hold-codec.ts';

const PATTERN = /^([1-9]\d*)\|([0-9a-z]+)\|([0-9a-z]+)\|([0-9a-z]+)\|([0-9a-z]+)\|(.*)$/s;

/** Reads a hold of version 0.1. @throws TypeError when the text is not a hold */
export function decodeFormerHold(
  { walletId, requestId }: Pick<Hold, 'walletId' | 'requestId'>,
  formerText: string,
): Hold {
  const [, attempt, at = '', lease = '', usd = '', tokens = '', text = ''] =
    PATTERN.exec(formerText) ?? [];
  return {
    ...{ walletId, requestId, attempt: Number(attempt), formerText },
    reservedAtMs: Number.parseInt(at, 36),
    leaseEndsAtMs: Number.parseInt(lease, 36),
    amounts: { usd: asNanoUsd(parseBase36(usd)), tokens: parseBase36(tokens) },
    ...decodeHoldText(walletId, text),
  };
}
