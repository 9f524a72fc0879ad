/**
 * Counts the input of a call by its provider's count route, which costs nothing. Flow: policy > **reserve** > forward.
 * Invariant: a count only ever lowers a bound; one that fails or is late changes nothing, and never throws.
 */
import { parseObject } from '../base/json.ts';
import { readBytes } from '../base/read-bytes.ts';
import { count as tokenCount } from '../dialects/usage.ts';
import type { Upstream, UpstreamRequest, UpstreamResponse } from '../providers/ports.ts';
import type { CallPlan } from './call-plan.ts';

/** A client waits for a count no longer than this. */
export const COUNT_TIMEOUT_MS = 2_000;

/** Counts of one process at once. */
export const COUNTS_AT_ONCE_MAX = 4;

const ANSWER_BYTES_MAX = 65_536;

/** Providers call their counts estimates that may differ by a small amount. */
const MARGIN_TOKENS = 256;
const MARGIN_PERCENT = 2;

/** A chat request is rewritten for the count route of responses. */
const REWRITTEN_MARGIN_PERCENT = 4;

/** Places for counts in flight. */
export interface CountSlots {
  /** False if all are taken. */
  take(): boolean;
  free(): void;
}

/** Makes the places of one process. */
export function makeCountSlots(): CountSlots {
  let taken = 0;
  return {
    take() {
      if (taken === COUNTS_AT_ONCE_MAX) return false;
      taken += 1;
      return true;
    },
    free() {
      taken -= 1;
    },
  };
}

/** A request to the count route; undefined: the provider has none, or it does not take this input. */
export function countRequestOf(
  { endpoint, request, provider }: CallPlan,
  providerKey: string | undefined,
  nowMs: number,
): UpstreamRequest | undefined {
  const body = endpoint.countUrl === undefined ? undefined : request.toCountBody?.();
  if (endpoint.countUrl === undefined || body === undefined) return undefined;
  return {
    url: endpoint.countUrl,
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...request.headers,
      ...endpoint.toAuthHeaders(providerKey),
    },
    body,
    deadlineAtMs: nowMs + COUNT_TIMEOUT_MS,
    ...(provider.signing && { sign: provider.signing }),
  };
}

/** Returns the most input tokens by the provider's count; undefined: it gave none. */
export async function countInput(
  { dialect }: CallPlan,
  request: UpstreamRequest,
  upstream: Upstream,
): Promise<number | undefined> {
  try {
    const response = await upstream.send(request);
    const counted = response.status === 200 ? await readCount(response) : undefined;
    if (counted === undefined) return undefined;
    const percent = dialect.name === 'chat' ? REWRITTEN_MARGIN_PERCENT : MARGIN_PERCENT;
    return Math.ceil((counted * (100 + percent)) / 100) + MARGIN_TOKENS;
  } catch {
    return undefined; // The request goes on with the bound that it has.
  }
}

/** The count in an answer of Anthropic, OpenAI or Google. */
async function readCount({ body }: UpstreamResponse): Promise<number | undefined> {
  const tooMany = () => new Error('the answer is too long');
  const answer = parseObject(String(await readBytes(body, ANSWER_BYTES_MAX, tooMany)));
  const counted = tokenCount(answer?.input_tokens ?? answer?.totalTokens);
  return counted === 0 ? undefined : counted;
}
