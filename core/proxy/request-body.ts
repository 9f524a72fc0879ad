/**
 * The body of a request as a JSON object. Flow: grant > **body** > policy.
 * Invariant: the object that was checked is the one that is sent. The client's bytes are never forwarded, so it does
 * not matter how another parser would read them (a member given twice).
 */
import { GatewayError } from '../base/errors.ts';
import { isRecord, type JsonObject } from '../base/json.ts';

/** The most that API Gateway hands to a function in one event. */
const BODY_BYTES_MAX = 6 * 1024 * 1024;
const DEPTH_MAX = 64;

/**
 * Reads a body. Of a member given twice, the last one counts.
 * @throws request_too_large, or invalid_request for no body, no JSON, no object, or one nested more than 64 deep
 */
export function parseBody(text: string | undefined): JsonObject {
  if (text === undefined || text === '')
    throw unreadable('the body is empty, a JSON object is needed');
  if (Buffer.byteLength(text) > BODY_BYTES_MAX) throw new GatewayError('request_too_large');
  const value = parseJson(text);
  if (!isRecord(value)) throw unreadable('the body must be a JSON object');
  if (!isShallow(value, DEPTH_MAX)) {
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
  throw new GatewayError('invalid_request', {
    message: '"model" must be the id of a model, such as "provider/model"',
    param: 'model',
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable('the body must be JSON'); // The parser's own message quotes the body.
  }
}

function isShallow(value: unknown, depthLeft: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depthLeft > 0 && Object.values(value).every((member) => isShallow(member, depthLeft - 1));
}

const unreadable = (message: string): GatewayError =>
  new GatewayError('invalid_request', { message });
