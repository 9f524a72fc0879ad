/**
 * A provider's answer that is not a stream: read to its end, metered, settled, then passed on unchanged.
 * Flow: forward > **meter > settle**.
 * Invariant: what is read is bounded, and nothing of the gateway's own credentials leaves with a provider's answer.
 */

import { GatewayError, toGatewayError } from '../base/errors.ts';
import { isRecord, type JsonObject } from '../base/json.ts';
import type { ReportedUsage } from '../dialects/usage.ts';
import type { UpstreamResponse } from '../providers/ports.ts';
import type { UsageRow } from '../wallet/usage-row.ts';
import { ANSWER_BYTES_MAX, type CallPlan } from './call-plan.ts';
import type { CallEnd } from './ends.ts';
import { findKeyLeak, type GuardedResponse } from './key-leak.ts';
import {
  type CallOutcome,
  type CallPorts,
  chargedError,
  closeCall,
  isPromptEdited,
  type ProviderCall,
} from './provider-call.ts';

/** Bytes of a provider's refusal that are read. */
const REFUSAL_BYTES_MAX = 256 * 1024;

/** Statuses about the gateway's own key or account. A caller would take them for its own. */
const GATEWAY_STATUSES: ReadonlySet<number> = new Set([401, 402, 407]);

/** Google's reason for a wrong key, with 400: https://ai.google.dev/gemini-api/docs/troubleshooting */
const WRONG_KEY_REASON = '"API_KEY_INVALID"';
const RETRY_AFTER_SECONDS_MAX = 60;

/** AWS's status for a signature, a role or a Bedrock key without permission. */
const AWS_DENIED_STATUS = 403;

/** AWS's messages about signatures repeat the session token; those about permissions name the account and role. */
const AWS_SECRET_WORDS =
  /x-amz-security-token|AWS4-HMAC-SHA256|arn:aws[\w-]*:[\w-]*:[\w-]*:\d{12}:/i;

/** An answer to pass on, with the usage row of its call. */
export interface PassedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly row: UsageRow;
}

/**
 * Reads, bills and passes on a completion.
 * @throws upstream_error or upstream_timeout, after the call is closed
 */
export async function passAnswer(
  call: ProviderCall,
  response: GuardedResponse,
  ports: CallPorts,
): Promise<PassedAnswer> {
  const firstByteAtMs = ports.clock.nowMs();
  const { bytes, usage, error } = await readAnswer(response, call.plan);
  const outcome: CallOutcome = {
    end: { kind: 'complete', usage },
    httpStatus: response.status,
    firstByteAtMs,
    isPromptEdited: isPromptEdited(bytes),
    error,
  };
  const row = await closeCall(call, outcome, ports);
  if (error !== undefined) throw chargedError(error, row);
  return { status: response.status, headers: contentType(response), body: bytes, row };
}

interface ReadAnswer {
  readonly bytes: Buffer;
  readonly usage?: ReportedUsage | undefined;
  readonly error?: GatewayError;
}

async function readAnswer(response: GuardedResponse, { dialect }: CallPlan): Promise<ReadAnswer> {
  const { bytes, error } = await readBytes(response.body, ANSWER_BYTES_MAX);
  if (error !== undefined) return { bytes, error };
  const completion = parseObject(bytes);
  if (completion === undefined) {
    return { bytes, error: new GatewayError('upstream_error', { detail: NOT_JSON }) };
  }
  const leak = findKeyLeak(bytes, response);
  return { bytes, usage: dialect.readUsage(completion), ...(leak && { error: leak }) };
}

const NOT_JSON = 'the provider answered with something other than a JSON object';

/** Reads to the end, the failure or the bound. Never throws: what came before a failure is still billed. */
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
    return undefined; // The parser's message would quote the completion.
  }
}

/**
 * Passes on a provider's refusal (4xx) in its own words.
 * @throws upstream_error for any other status, for a refusal of the gateway itself, and for one that cannot be read
 */
export async function passRefusal(
  call: ProviderCall,
  response: GuardedResponse,
  ports: CallPorts,
): Promise<PassedAnswer> {
  const { status } = response;
  const isAws = call.plan.provider.row.signedFor !== undefined;
  const isGateways = GATEWAY_STATUSES.has(status) || (isAws && status === AWS_DENIED_STATUS);
  const isCallers = status >= 400 && status < 500 && !isGateways;
  const { bytes, error } = await readBytes(response.body, isCallers ? REFUSAL_BYTES_MAX : 0);
  const revealsGateway =
    bytes.includes(WRONG_KEY_REASON) ||
    // In a refusal a short key counts too: there it is no word of a completion.
    (response.sentKey !== undefined && bytes.includes(response.sentKey)) ||
    (isAws && AWS_SECRET_WORDS.test(bytes.toString('latin1')));
  const failure =
    isCallers && !revealsGateway
      ? error
      : new GatewayError('upstream_error', {
          message: messageOf(status, isGateways),
          detail: `the provider answered HTTP ${status}${awsNameOf(response)}`,
        });
  const words = error === undefined && isCallers ? bytes : undefined;
  const end: CallEnd = { kind: 'refused', status, words };
  const row = await closeCall(call, { end, httpStatus: status, error: failure }, ports);
  if (failure !== undefined) throw chargedError(failure, row);
  return {
    status,
    headers: { ...contentType(response), ...retryHeaders(response) },
    body: bytes,
    row,
  };
}

/** AWS's name of the error, for the log: of `InvalidSignatureException:http://…` the part before the colon. */
function awsNameOf({ headers }: UpstreamResponse): string {
  const name = /^[A-Z][A-Za-z]{1,63}(?=:|$)/.exec(headers['x-amzn-errortype'] ?? '')?.[0];
  return name === undefined ? '' : ` ${name}`;
}

const messageOf = (status: number, isGateways: boolean): string =>
  isGateways
    ? `The provider refused the gateway's own credentials (HTTP ${status}).`
    : `The provider failed (HTTP ${status}).`;

const contentType = ({ headers }: UpstreamResponse): Record<string, string> => ({
  'content-type': headers['content-type'] ?? 'application/json',
});

/** SDKs obey `Retry-After` whatever its length, so a long wait becomes "do not try again". */
function retryHeaders({ status, headers }: UpstreamResponse): Record<string, string> {
  if (status !== 429) return {};
  const seconds = headers['retry-after'] ?? '';
  if (!/^\d{1,9}$/.test(seconds)) return {};
  return Number(seconds) <= RETRY_AFTER_SECONDS_MAX
    ? { 'retry-after': seconds }
    : { 'x-should-retry': 'false' };
}
