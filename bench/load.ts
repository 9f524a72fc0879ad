/**
 * The client of the bench: plain node:http with a keep-alive agent, so that its own cost is small.
 */
import http, { type IncomingMessage } from 'node:http';

export const PACED_CHUNKS = 40;

/** Fifty chunks a second, as a fast model sends. */
export const PACE_MS = 20;
export const BURST_CHUNKS = 3000;

/** About 50 MB. */
export const HUGE_CHUNKS = 270_000;

const AGENT = new http.Agent({ keepAlive: true, maxSockets: 256 });

export interface Target {
  /** Ends in `/v1`. */
  readonly url: string;
  readonly credential: string;
}

/** The times of one request. */
export interface RequestTimes {
  readonly firstByteNs: number;
  readonly totalNs: number;
  /** Times from the provider's write to the client's read, for chunks that contain their instant. */
  readonly transitsNs: readonly number[];
}

/** The kind of answer that the provider gives. */
export type AnswerKind = 'plain' | 'paced' | 'burst' | 'huge';

const bodyOf = (shape: AnswerKind): string =>
  JSON.stringify({
    model: 'openai/gpt-4o-mini',
    messages: [{ role: 'user', content: shape }],
    max_tokens: shape === 'huge' ? 1_000_000 : 4000,
    ...(shape === 'plain' ? {} : { stream: true, stream_options: { include_usage: true } }),
  });

/** Sends one request and reads its answer to the end. Throws unless the status is 200. */
function sendRequest({ url, credential }: Target, shape: AnswerKind): Promise<RequestTimes> {
  const body = bodyOf(shape);
  const startedNs = process.hrtime.bigint();
  return new Promise((resolve, reject) => {
    const request = http.request(`${url}/chat/completions`, {
      agent: AGENT,
      method: 'POST',
      headers: {
        authorization: `Bearer ${credential}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
    });
    request.on('error', reject);
    request.on('response', (response) => {
      read(response, shape, startedNs).then(resolve, reject);
    });
    request.end(body);
  });
}

async function read(
  response: IncomingMessage,
  shape: AnswerKind,
  startedNs: bigint,
): Promise<RequestTimes> {
  let firstByteNs = 0;
  const transitsNs: number[] = [];
  let text = '';
  for await (const chunk of response) {
    const nowNs = process.hrtime.bigint();
    if (firstByteNs === 0) firstByteNs = Number(nowNs - startedNs);
    if (response.statusCode !== 200) text += String(chunk);
    if (shape !== 'paced') continue;
    for (const [, written] of String(chunk).matchAll(/@(\d+)@/g)) {
      transitsNs.push(Number(nowNs - BigInt(written ?? '0')));
    }
  }
  if (response.statusCode !== 200)
    throw new Error(`the target answered ${response.statusCode}: ${text.slice(0, 300)}`);
  return { firstByteNs, totalNs: Number(process.hrtime.bigint() - startedNs), transitsNs };
}

/** Sends `count` requests, `parallel` at a time. */
export async function load(
  target: Target,
  shape: AnswerKind,
  count: number,
  parallel: number,
): Promise<{ readonly requests: readonly RequestTimes[]; readonly elapsedMs: number }> {
  const requests: RequestTimes[] = [];
  let started = 0;
  const startedMs = performance.now();
  const worker = async (): Promise<void> => {
    while (started++ < count) requests.push(await sendRequest(target, shape));
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return { requests, elapsedMs: performance.now() - startedMs };
}

/** Returns the value below which a share of the samples lies; 0 if there are none. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5);
