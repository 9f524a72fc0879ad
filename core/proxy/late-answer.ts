/**
 * Late answers: keeps the client's connection while its provider is silent for minutes. Flow: **forward** > meter > settle.
 *
 * 1. an answer that begins within 240 s is passed on with its own status and headers;
 * 2. after that the client gets status 200 and, every 15 s, a blank or a comment;
 * 3. what comes then is the body, and an error is the body's `error` with its `status`.
 *
 * Guarantees: a late answer is read to its end and settled like any other, also when the client has left.
 */
import { toErrorBody } from '../base/error-body.ts';
import { GatewayError, toGatewayError } from '../base/errors.ts';
import { isRecord, parseObject } from '../base/json.ts';
import type { StartAlarm } from '../base/ports.ts';
import type { Dialect } from '../dialects/dialect.ts';

/** API Gateway ends a connection after five minutes of silence, and some clients and proxies before. */
export const SILENCE_MAX_MS = 240_000;

/** Between two signs of life. */
const SIGN_OF_LIFE_MS = 15_000;

/** JSON may begin with blanks. */
const BLANK: Buffer = Buffer.from(' ');

/** A line that every reader of events skips. */
const COMMENT: Buffer = Buffer.from(': keepalive\n\n');

/** An answer as it is passed on. */
export interface ProxyAnswer {
  readonly status: number;
  /** In addition to those that every answer has. */
  readonly headers: Readonly<Record<string, string>>;
  /** A stream never throws, and must be read to its end: its end closes the call. */
  readonly body: Buffer | AsyncIterable<Uint8Array>;
}

interface LateOptions {
  readonly dialect: Pick<Dialect, 'family' | 'toErrorEvents'>;
  readonly isStream: boolean;
  /** Headers of an answer that has not begun. */
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined: the answer is waited for, however long it takes. */
  readonly startAlarm: StartAlarm | undefined;
}

/**
 * Returns the answer, or after 240 s one that keeps the connection until it comes.
 * @throws what `answering` throws, if it does so in time
 */
export async function answerInTime(
  answering: Promise<ProxyAnswer>,
  options: LateOptions,
): Promise<ProxyAnswer> {
  const { startAlarm, isStream, headers } = options;
  if (startAlarm === undefined) return answering;
  const alarm = startAlarm(SILENCE_MAX_MS);
  const first = await Promise.race([answering, alarm.rung]).finally(alarm.cancel);
  if (first !== undefined) return first;
  // Its failure is handled where the body is read.
  answering.catch(() => {});
  const type = isStream ? 'text/event-stream; charset=utf-8' : 'application/json';
  return {
    status: 200,
    headers: { ...headers, 'content-type': type },
    body: isStream ? lateEvents(answering, options) : lateJson(answering, options, startAlarm),
  };
}

/** Blanks until the answer comes, then its body. Never throws. */
async function* lateJson(
  answering: Promise<ProxyAnswer>,
  { dialect }: LateOptions,
  startAlarm: StartAlarm,
): AsyncGenerator<Uint8Array, void, undefined> {
  const outcome = answering.catch(toGatewayError);
  for (;;) {
    yield BLANK;
    const alarm = startAlarm(SIGN_OF_LIFE_MS);
    const answer = await Promise.race([outcome, alarm.rung]);
    alarm.cancel();
    if (answer === undefined) continue;
    if (answer instanceof GatewayError) yield toLateError(dialect, answer);
    else if (!Buffer.isBuffer(answer.body)) yield* answer.body;
    else yield answer.status < 300 ? answer.body : withStatus(answer.body, answer.status);
    return;
  }
}

/** The events of an answer that comes late. The adapter sends the comments in between. Never throws. */
async function* lateEvents(
  answering: Promise<ProxyAnswer>,
  { dialect }: LateOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield COMMENT;
  const answer = await answering.catch(toGatewayError);
  if (answer instanceof GatewayError) yield Buffer.from(dialect.toErrorEvents(answer));
  else if (!Buffer.isBuffer(answer.body)) yield* answer.body;
  else {
    const message = `The provider refused the request (HTTP ${answer.status}).`;
    yield Buffer.from(dialect.toErrorEvents(new GatewayError('upstream_error', { message })));
  }
}

function toLateError({ family }: Pick<Dialect, 'family'>, error: GatewayError): Buffer {
  return withStatus(Buffer.from(JSON.stringify(toErrorBody(family, error))), error.status);
}

/** A refusal's body with its status, which the client cannot see any more. */
function withStatus(body: Buffer, status: number): Buffer {
  const read = parseObject(body.toString());
  const error = isRecord(read?.error) ? read.error : { message: body.toString() };
  return Buffer.from(JSON.stringify({ ...read, error: { ...error, status } }));
}
