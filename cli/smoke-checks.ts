/**
 * The checks of a gateway from outside, each of what only a real deployment can show. They need a key and its URL.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

export interface SmokeTarget {
  /** Ends in `/v1`. */
  readonly url: string;
  readonly key: string;
  /** The model that the checks call. */
  readonly model: string;
  /** A model whose answer streams for longer than 29 seconds. @default that check is skipped */
  readonly longModel?: string | undefined;
}

/** Returns what was found. @throws SmokeFailure */
type Run = (target: SmokeTarget) => Promise<string>;

export interface SmokeCheck {
  readonly name: string;
  readonly run: Run;
}

/** A check that failed. Its message holds no secret. */
export class SmokeFailure extends Error {}
/** A check that cannot be made here. */
export class SmokeSkipped extends Error {}

const CALL_TIMEOUT_MS = 30_000;
const STREAM_TIMEOUT_MS = 300_000;
/** API Gateway ended buffered answers here; a stream must outlive it. */
const BUFFERED_MAX_MS = 29_000;
/** A client that left is billed when the provider's stream has ended. */
const BILLED_WITHIN_MS = 20_000;
const POLL_MS = 1_000;
const LEAVES_AFTER_CHUNKS = 3;

export const SMOKE_CHECKS: readonly SmokeCheck[] = [
  { name: 'a request without a key is refused, with a body and CORS', run: refusesStrangers },
  { name: 'an unknown route is refused, with a body and CORS', run: refusesUnknownRoutes },
  { name: 'a preflight is answered', run: answersPreflight },
  { name: 'pages are served with a strict policy', run: servesPages },
  { name: 'the key may call the model', run: listsModel },
  { name: 'a whole answer comes with its cost', run: answersWhole },
  { name: 'a stream arrives chunk by chunk', run: streamsInChunks },
  { name: 'a stream may last longer than 29 s', run: streamsLong },
  { name: 'a client that leaves is billed', run: billsWhoLeaves },
  { name: 'each answer has a request id of its own', run: namesRequests },
];

const expectThat = (holds: boolean, message: string): void => {
  if (!holds) throw new SmokeFailure(message);
};

const call = (
  url: string,
  init: RequestInit = {},
  timeoutMs: number = CALL_TIMEOUT_MS,
): Promise<Response> => fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) });

const bearer = ({ key }: SmokeTarget) => ({ authorization: `Bearer ${key}` });

async function expectRefusal(answer: Response, status: number, code: string): Promise<string> {
  expectThat(answer.status === status, `status ${answer.status}, not ${status}`);
  const found = Object(await answer.json()).error?.code;
  expectThat(found === code, `code ${String(found)}, not ${code}`);
  expectThat(answer.headers.get('access-control-allow-origin') === '*', 'no CORS header');
  expectThat(answer.headers.get('x-request-id') !== null, 'no x-request-id');
  return `${status} ${code}`;
}

async function refusesStrangers({ url }: SmokeTarget): Promise<string> {
  return expectRefusal(await call(`${url}/key`), 401, 'invalid_api_key');
}

async function refusesUnknownRoutes(target: SmokeTarget): Promise<string> {
  const answer = await call(`${target.url}/no-such-route`, { headers: bearer(target) });
  return expectRefusal(answer, 404, 'not_found');
}

async function answersPreflight({ url }: SmokeTarget): Promise<string> {
  const headers = {
    origin: 'https://example.com',
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type',
  };
  const answer = await call(`${url}/chat/completions`, { method: 'OPTIONS', headers });
  const allowed = answer.headers.get('access-control-allow-headers') ?? '';
  expectThat(answer.status === 204, `status ${answer.status}, not 204`);
  expectThat(allowed.includes('authorization'), 'authorization is not allowed');
  return '204';
}

async function servesPages({ url }: SmokeTarget): Promise<string> {
  const page = `${url.replace(/\/v1$/, '')}/me`;
  const answer = await call(page);
  if (answer.status === 401) throw new SmokeSkipped('the configuration switches pages off');
  const policy = answer.headers.get('content-security-policy') ?? '';
  expectThat(answer.status === 200, `status ${answer.status}, not 200`);
  expectThat(policy.startsWith("default-src 'none'"), 'no strict policy');
  const { status, url: reached } = await call(`${page}/`);
  expectThat(status === 200 && reached === page, `a slash at its end is answered ${status}`);
  return `${(await answer.arrayBuffer()).byteLength} bytes`;
}

async function listsModel(target: SmokeTarget): Promise<string> {
  const answer = await call(`${target.url}/models/${target.model}`, { headers: bearer(target) });
  expectThat(answer.status === 200, `status ${answer.status}, not 200`);
  return target.model;
}

const chat = (target: SmokeTarget, more: object): RequestInit => ({
  method: 'POST',
  headers: { ...bearer(target), 'content-type': 'application/json' },
  body: JSON.stringify({
    model: target.model,
    messages: [{ role: 'user', content: 'Count from one to forty, each number as a word.' }],
    ...more,
  }),
});

const askWhole = (target: SmokeTarget): Promise<Response> =>
  call(`${target.url}/chat/completions`, chat(target, {}));

async function answersWhole(target: SmokeTarget): Promise<string> {
  const answer = await askWhole(target);
  expectThat(answer.status === 200, `status ${answer.status}, not 200`);
  const cost = answer.headers.get('x-hallpass-cost-usd');
  expectThat(cost !== null, 'no x-hallpass-cost-usd');
  return `${cost} USD`;
}

/** Reads a stream to its end. Counts the reads of the client, which need not be whole events. */
async function readStream(target: SmokeTarget, more: object = {}) {
  const init = chat(target, { stream: true, ...more });
  const answer = await call(`${target.url}/chat/completions`, init, STREAM_TIMEOUT_MS);
  expectThat(answer.status === 200 && answer.body !== null, `status ${answer.status}, not 200`);
  const atMs: number[] = [];
  let end = '';
  for await (const chunk of answer.body ?? []) {
    atMs.push(performance.now());
    end = Buffer.from(chunk).toString();
  }
  expectThat(end.trimEnd().endsWith('[DONE]'), 'the stream was cut');
  return { chunks: atMs.length, lastedMs: (atMs.at(-1) ?? 0) - (atMs[0] ?? 0) };
}

async function streamsInChunks(target: SmokeTarget): Promise<string> {
  const { chunks, lastedMs } = await readStream(target);
  expectThat(chunks >= 3 && lastedMs > 0, `${chunks} chunk at once: the stream is buffered`);
  return `${chunks} chunks in ${Math.round(lastedMs)} ms`;
}

async function streamsLong(target: SmokeTarget): Promise<string> {
  const { longModel } = target;
  if (longModel === undefined) throw new SmokeSkipped('give --long-model');
  const content = 'Write a story of three thousand words. Do not stop early.';
  const more = { model: longModel, messages: [{ role: 'user', content }] };
  const { lastedMs } = await readStream(target, more);
  if (lastedMs <= BUFFERED_MAX_MS) throw new SmokeSkipped('the answer was shorter; try another');
  return `${Math.round(lastedMs / 1_000)} s`;
}

/** Returns the number of the key's requests today of one conversation. */
async function countRequests(target: SmokeTarget, conversation: string): Promise<number> {
  const answer = await call(`${target.url}/usage?group_by=conversation`, {
    headers: bearer(target),
  });
  const rows: unknown = Object(await answer.json()).data;
  const found = Array.isArray(rows)
    ? rows.find((row) => Object(row).conversation === conversation)
    : undefined;
  return Number(Object(found).requests ?? 0);
}

async function billsWhoLeaves(target: SmokeTarget): Promise<string> {
  const conversation = `smoke-${randomUUID()}`;
  const init = chat(target, { stream: true });
  const leave = new AbortController();
  const answer = await fetch(`${target.url}/chat/completions`, {
    ...init,
    headers: { ...init.headers, 'x-conversation-id': conversation },
    signal: leave.signal,
  });
  const type = answer.headers.get('content-type') ?? 'none';
  expectThat(type.startsWith('text/event-stream'), `the answer is no stream, its type is ${type}`);
  let chunks = 0;
  for await (const _ of answer.body ?? []) {
    chunks += 1;
    if (chunks === LEAVES_AFTER_CHUNKS) break;
  }
  leave.abort();
  for (let waitedMs = 0; waitedMs <= BILLED_WITHIN_MS; waitedMs += POLL_MS) {
    if ((await countRequests(target, conversation)) === 1) return `after ${waitedMs / 1_000} s`;
    await wait(POLL_MS);
  }
  throw new SmokeFailure(`not in the usage after ${BILLED_WITHIN_MS / 1_000} s`);
}

async function namesRequests(target: SmokeTarget): Promise<string> {
  const ids = [];
  for (const answer of [await askWhole(target), await askWhole(target)]) {
    ids.push(answer.headers.get('x-request-id') ?? '');
  }
  expectThat(new Set(ids).size === 2 && ids.every((id) => id.length >= 16), 'none, or one twice');
  return ids[0] ?? '';
}
