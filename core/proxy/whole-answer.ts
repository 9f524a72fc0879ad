/**
 * A provider's answer that is not a stream: read to its end, metered, settled, then passed on unchanged.
 * Flow: forward > **meter > settle**.
 * Invariant: what is read is bounded, and nothing of the gateway's own credentials leaves with a provider's answer.
 */

import { GatewayError, toGatewayError } from '../base/errors.ts';
import { parseObject } from '../base/json.ts';
import { readBytes } from '../base/read-bytes.ts';
import type { ReportedUsage } from '../dialects/usage.ts';
import type { UpstreamResponse } from '../providers/ports.ts';
import type { UsageRow } from '../wallet/usage-row.ts';
import { ANSWER_BYTES_MAX, type CallPlan } from './call-plan.ts';
import type { CallEnd } from './ends.ts';
import { findKeyLeak, type GuardedResponse } from './key-leak.ts';
import type { ProxyAnswer } from './late-answer.ts';
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
export interface PassedAnswer extends ProxyAnswer {
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
  const { bytes, usage, error } = await readAnswer(response, call.plan).catch(
    (cause): ReadAnswer => ({ bytes: NOTHING, error: toGatewayError(cause) }),
  );
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
  readonly error?: GatewayError | undefined;
}

const NOTHING: Buffer = Buffer.alloc(0);

/** @throws upstream_error for an answer that fails, is too long, or is no JSON object: its usage is not known */
async function readAnswer(response: GuardedResponse, { dialect }: CallPlan): Promise<ReadAnswer> {
  const bytes = await readBytes(response.body, ANSWER_BYTES_MAX, tooMuch);
  const completion = parseObject(bytes.toString());
  if (completion === undefined) {
    throw new GatewayError('upstream_error', {
      detail: 'the provider answered with something other than a JSON object',
    });
  }
  return { bytes, usage: dialect.readUsage(completion), error: findKeyLeak(bytes, response) };
}

const tooMuch = (): GatewayError =>
  new GatewayError('upstream_error', { detail: 'the provider answered too much' });

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
  const bytesMax = isCallers ? REFUSAL_BYTES_MAX : 0;
  const read = await readBytes(response.body, bytesMax, tooMuch).catch(toGatewayError);
  const words = isCallers && Buffer.isBuffer(read) ? read : undefined;
  const end: CallEnd = { kind: 'refused', status, words };
  if (words === undefined || revealsGateway(words, response.sentKey, isAws)) {
    const error =
      isCallers && read instanceof GatewayError
        ? read
        : new GatewayError('upstream_error', {
            message: messageOf(status, isGateways),
            detail: `the provider answered HTTP ${status}${awsNameOf(response)}`,
          });
    throw chargedError(error, await closeCall(call, { end, httpStatus: status, error }, ports));
  }
  const row = await closeCall(call, { end, httpStatus: status }, ports);
  return {
    status,
    headers: { ...contentType(response), ...retryHeaders(response) },
    body: words,
    row,
  };
}

/** True if a refusal names the gateway's own key, account or role. A short key counts too: it is no word of a completion. */
const revealsGateway = (words: Buffer, sentKey: Buffer | undefined, isAws: boolean): boolean =>
  words.includes(WRONG_KEY_REASON) ||
  (sentKey !== undefined && words.includes(sentKey)) ||
  (isAws && AWS_SECRET_WORDS.test(words.toString('latin1')));

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
