/**
 * Names of counters, read back into their parts.
 * Invariant: a name says which window it counts, so that a settle can drop it in time.
 */
import { asTokenId, type TokenId } from '../base/ids.ts';
import { LIMIT_WINDOWS, type LimitWindow } from '../base/limits.ts';

const COUNTER_PATTERN =
  /^(?:t:([^:]+):)?(?:requests|tokens|usd):(minute|hour|day|week|month|total)(?::(.+))?$/;

/** The parts of a counter's name; undefined when it is not one. */
export function parseCounterName(
  name: string,
): { tokenId: TokenId | undefined; window: LimitWindow; windowName: string } | undefined {
  const [matched, token, text, windowName = ''] = COUNTER_PATTERN.exec(name) ?? [];
  const window = LIMIT_WINDOWS.find((each) => each === text);
  if (matched === undefined || window === undefined) return undefined;
  return { tokenId: token === undefined ? undefined : asTokenId(token), window, windowName };
}
