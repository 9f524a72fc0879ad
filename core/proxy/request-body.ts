/**
 * The body of a request as a JSON object. Flow: grant > **body** > policy.
 * Invariant: the object that was checked is the one that is sent. The client's bytes are never forwarded, so it does
 * not matter how another parser would read them (a member given twice).
 */
import { GatewayError, invalidRequest } from '../base/errors.ts';
import { isRecord, type JsonObject, measureJson } from '../base/json.ts';

/** The most that API Gateway hands to a function in one event. */
const BODY_BYTES_MAX = 6 * 1024 * 1024;
const DEPTH_MAX = 64;

/** More lists and objects than 6 MB of a real request hold. Empty ones take 50 times their bytes in memory. */
const CONTAINERS_MAX = 200_000;

/**
 * Reads a body. Of a member given twice, the last one counts.
 * @throws request_too_large, or invalid_request for no body, no JSON, no object, one nested more than 64 deep, or one
 *   of more than 200,000 lists and objects
 */
export function parseBody(text: string | undefined): JsonObject {
  if (text === undefined || text === '')
    throw unreadable('the body is empty, a JSON object is needed');
  if (Buffer.byteLength(text) > BODY_BYTES_MAX) throw new GatewayError('request_too_large');
  const { containers, depth } = measureJson(text);
  if (containers > CONTAINERS_MAX) {
    throw unreadable(`the body must not hold more than ${CONTAINERS_MAX} lists and objects`);
  }
  const value = parseJson(text);
  if (!isRecord(value)) throw unreadable('the body must be a JSON object');
  if (depth > DEPTH_MAX) {
    throw unreadable(`the body must not be nested deeper than ${DEPTH_MAX}`);
  }
  return value;
}

/**
 * The model that a body names.
 * @throws invalid_request when there is none
 */
export function readModelId({ model }: JsonObject): string {
  if (typeof model === 'string' && model !== '') return model;
  throw invalidRequest('"model" must be the id of a model, such as "provider/model"', 'model');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable('the body must be JSON'); // The parser's own message quotes the body.
  }
}

const unreadable = (message: string): GatewayError => invalidRequest(message);
