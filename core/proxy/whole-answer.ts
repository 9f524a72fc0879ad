/**
 * A provider's answer that is not a stream: read to its end, metered, settled, then passed on as it is.
 * Flow: forward > **meter > settle**. Invariant: what is read is bounded, and nothing of the gateway's own
 * credentials leaves with a provider's words.
 */

import { GatewayError, toGatewayError } from '../base/errors.ts';
import { isRecord, type JsonObject } from '../base/json.ts';
import type { ReportedUsage } from '../dialects/usage.ts';
import type { UpstreamResponse } from '../providers/ports.ts';
import type { UsageRow } from '../wallet/usage-row.ts';
import type { CallPlan } from './call-plan.ts';
import { findOwnKey, type KeyedResponse } from './own-key.ts';
import { type BookPorts, closeExchange, type Exchange, type Outcome } from './provider-call.ts';

/** The most of an answer that is held in memory: some 2 million tokens of text. */

export const ANSWER_BYTES_MAX = 10 * 1024 * 1024;

/** The most of a provider's refusal. */
const REFUSAL_BYTES_MAX = 256 * 1024;

/** Statuses that speak of the gateway's own key or account, and would read as the caller's. */
const OWN_STATUSES: ReadonlySet<number> = new Set([401, 402, 407]);

/** What Google says of a wrong key, with 400: https://ai.google.dev/gemini-api/docs/troubleshooting */
const OWN_REASON = '"API_KEY_INVALID"';
const RETRY_AFTER_SECONDS_MAX = 60;

/** AWS answers so to a signature, a role or a Bedrock key that may not. */
const AWS_OWN_STATUS = 403;

/** AWS's words on a signature repeat the session token; those on a permission say the account and the role. */
const AWS_OWN_WORDS = /x-amz-security-token|AWS4-HMAC-SHA256|arn:aws[\w-]*:[\w-]*:[\w-]*:\d{12}:/i;

/** An answer on its way out. */
export interface PassedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly row: UsageRow;
}

/**
 * Reads, bills and passes on a completion.
 * @throws upstream_error or upstream_timeout, after the books are written: the provider took the request and may
 *   bill it, so without a readable usage it is charged as estimated
 */
export async function passAnswer(
  exchange: Exchange,
  response: KeyedResponse,
  ports: BookPorts,
): Promise<PassedAnswer> {
  const firstByteAtMs = ports.clock.nowMs();
  const answer = await readAnswer(response, exchange.plan);
  const outcome: Outcome = {
    isCharged: true,
    httpStatus: response.status,
    firstByteAtMs,
    ...answer,
  };
  const row = await closeExchange(exchange, outcome, ports);
  if (answer.error !== undefined) throw answer.error;
  return { status: response.status, headers: contentType(response), body: answer.bytes, row };
}

interface ReadAnswer {
  readonly bytes: Buffer;
  readonly usage?: ReportedUsage | undefined;
  readonly contentBytes?: number;
  readonly error?: GatewayError;
}

async function readAnswer(
  response: KeyedResponse,
  { dialect, request }: CallPlan,
): Promise<ReadAnswer> {
  const { bytes, error } = await readBytes(response.body, ANSWER_BYTES_MAX);
  const completion = error === undefined ? parseObject(bytes) : undefined;
  const usage = completion && dialect.readUsage(completion);
  const leak = findOwnKey(bytes, response);
  if (usage !== undefined) return { bytes, usage, ...(leak && { error: leak }) };
  // An answer names its texts as the events of a stream do, whole or broken off.
  const meter = dialect.makeMeter(request);
  meter.take(bytes);
  const contentBytes = meter.contentBytes();
  if (completion !== undefined) return { bytes, contentBytes, ...(leak && { error: leak }) };
  const failure = error ?? new GatewayError('upstream_error', { detail: NOT_JSON });
  return { bytes, contentBytes, error: failure };
}

const NOT_JSON = 'the provider answered with something other than a JSON object';

/** Never throws: what came before a failure is still to be billed. */
async function readBytes(
  body: AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<{ readonly bytes: Buffer; readonly error?: GatewayError }> {
  const reads: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const read of body) {
      length += read.length;
      if (length > bytesMax)
        throw new GatewayError('upstream_error', { detail: 'the provider answered too much' });
      reads.push(read);
    }
    return { bytes: Buffer.concat(reads) };
  } catch (error) {
    return { bytes: Buffer.concat(reads), error: toGatewayError(error) };
  }
}

function parseObject(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined; // Its words would quote the completion.
  }
}

/**
 * Passes on a provider's refusal (4xx) in its own words, at no charge.
 * @param providerKey the gateway's own key: an answer that repeats it goes nowhere
 * @throws upstream_error for any other status, for a refusal of the gateway itself, and for one that cannot be read
 */
export async function passRefusal(
  exchange: Exchange,
  response: UpstreamResponse,
  providerKey: string | undefined,
  ports: BookPorts,
): Promise<PassedAnswer> {
  const { status } = response;
  const isAws = exchange.plan.provider.row.signedFor !== undefined;
  const isOwn = OWN_STATUSES.has(status) || (isAws && status === AWS_OWN_STATUS);
  const isCallers = status >= 400 && status < 500 && !isOwn;
  const { bytes, error } = await readBytes(response.body, isCallers ? REFUSAL_BYTES_MAX : 0);
  const tellsOwn =
    bytes.includes(OWN_REASON) ||
    (providerKey !== undefined && bytes.includes(providerKey)) ||
    (isAws && AWS_OWN_WORDS.test(bytes.toString('latin1')));
  const failure =
    isCallers && !tellsOwn
      ? error
      : new GatewayError('upstream_error', {
          message: messageOf(status, isOwn),
          detail: `the provider answered HTTP ${status}${awsNameOf(response)}`,
        });
  const outcome = { isCharged: false, httpStatus: status, error: failure };
  const row = await closeExchange(exchange, outcome, ports);
  if (failure !== undefined) throw failure;
  return {
    status,
    headers: { ...contentType(response), ...retryHeaders(response) },
    body: bytes,
    row,
  };
}

/** AWS's name of what is wrong, for the log: `InvalidSignatureException:http://…` is named by what stands before the colon. */
function awsNameOf({ headers }: UpstreamResponse): string {
  const name = /^[A-Z][A-Za-z]{1,63}(?=:|$)/.exec(headers['x-amzn-errortype'] ?? '')?.[0];
  return name === undefined ? '' : ` ${name}`;
}

const messageOf = (status: number, isOwn: boolean): string =>
  isOwn
    ? `The provider refused the gateway's own credentials (HTTP ${status}).`
    : `The provider failed (HTTP ${status}).`;

const contentType = ({ headers }: UpstreamResponse): Record<string, string> => ({
  'content-type': headers['content-type'] ?? 'application/json',
});

/** SDKs sleep for as long as they are told, so a long wait becomes "do not try again". */
function retryHeaders({ status, headers }: UpstreamResponse): Record<string, string> {
  if (status !== 429) return {};
  const seconds = headers['retry-after'] ?? '';
  if (!/^\d{1,9}$/.test(seconds)) return {};
  return Number(seconds) <= RETRY_AFTER_SECONDS_MAX
    ? { 'retry-after': seconds }
    : { 'x-should-retry': 'false' };
}
