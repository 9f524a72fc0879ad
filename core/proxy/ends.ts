/**
 * Ends: every way in which a call of a provider can end, and the bill that follows. Flow: forward > **meter > settle**.
 *
 * | end | bill |
 * |---|---|
 * | the provider was not reached: no connection, no name, no TLS; or the gateway could not sign | nothing |
 * | it refused: 3xx, 4xx, 503, 529 | nothing, unless its row bills such refusals |
 * | it ran out of time or failed: 408, any other 5xx | the hold |
 * | it took the request and no answer came | the hold |
 * | a whole answer, or a stream that came to its end, with usage | as reported |
 * | the same without usage, or an answer that cannot be read | the hold |
 * | a stream that broke off after its provider reported the input | that input, and all the output that was held |
 * | any other stream that broke off | the hold |
 * | a stream that the gateway cut because it passed its hold | the hold, or more by its report or its bytes |
 * | a route that costs nothing | nothing |
 *
 * Guarantees: what is not known costs the whole hold, so a bill is never below what the provider may charge for a
 * request that stayed within its hold.
 */
import type { GatewayError } from '../base/errors.ts';
import type { Dialect } from '../dialects/dialect.ts';
import type { ReportedUsage } from '../dialects/usage.ts';
import type { BilledRefusal, ProviderRow } from '../providers/known.ts';

/** The end of the provider's part of a call. */
export type CallEnd =
  /** No answer came. */
  | { readonly kind: 'unanswered'; readonly error: GatewayError }
  /** A status that is no success. `words` is undefined if the answer could not be read. */
  | { readonly kind: 'refused'; readonly status: number; readonly words: Buffer | undefined }
  /** An answer came to its end, or to nothing that can be read. */
  | { readonly kind: 'complete'; readonly usage: ReportedUsage | undefined }
  /** A stream stopped before its end. */
  | { readonly kind: 'broken-off'; readonly usage: ReportedUsage | undefined }
  /** The gateway cut a stream that went on beyond its hold. */
  | {
      readonly kind: 'cut';
      readonly usage: ReportedUsage | undefined;
      /** UTF-8 bytes of all output that came. */
      readonly contentBytes: number;
    };

/**
 * The bill of a call. `reported`: the provider's own usage. `input-reported`: its input, and the output that was held.
 * `hold`: all that was held. `beyond-hold`: that, or what the report or the bytes come to if it is more. `none`: nothing.
 */
export type Bill = 'reported' | 'input-reported' | 'hold' | 'beyond-hold' | 'none';

interface BilledBy {
  readonly row: ProviderRow;
  readonly dialect: Pick<Dialect, 'name' | 'isBilled'>;
}

/** Returns the bill of a call that ended in this way. */
export function billOf(end: CallEnd, { row, dialect }: BilledBy): Bill {
  if (!dialect.isBilled) return 'none';
  switch (end.kind) {
    case 'unanswered':
      return wasNotReached(end.error) ? 'none' : 'hold';
    case 'refused':
      return isBilledRefusal(end, row.billsRefusals) ? 'hold' : 'none';
    case 'complete':
      return end.usage === undefined ? 'hold' : 'reported';
    case 'broken-off': {
      const isExact = row.endpoints[dialect.name]?.countsInputFirst === true;
      return end.usage !== undefined && isExact ? 'input-reported' : 'hold';
    }
    case 'cut':
      return 'beyond-hold';
  }
}

/** The request did not leave: nothing was connected, or there was no signature to send it with. */
const wasNotReached = ({ transient, code }: GatewayError): boolean =>
  transient || code === 'service_unavailable' || code === 'internal_error';

const REQUEST_TIMEOUT = 408;

/** Server errors of a provider that had no room for the request, so it cannot have started. */
const OVERLOADED: ReadonlySet<number> = new Set([503, 529]);

function isBilledRefusal(
  { status, words }: { readonly status: number; readonly words: Buffer | undefined },
  billed: readonly BilledRefusal[],
): boolean {
  if (status === REQUEST_TIMEOUT) return true;
  if (status >= 500) return !OVERLOADED.has(status);
  return billed.some(
    (each) => each.status === status && (words === undefined || words.includes(each.word)),
  );
}
