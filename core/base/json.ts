/**
 * A request's body as an object. Flow: grant > **body** > policy.
 * Invariant: what is checked is the object that is sent; the client's own bytes go nowhere, so what another parser
 * would have seen in them (a member given twice) does not matter.
 */
import { GatewayError } from './errors.ts';

/** The most that API Gateway hands to a function in one event. */
export const BODY_BYTES_MAX = 6 * 1024 * 1024;
const DEPTH_MAX = 64;

/** The members of a JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

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

const unreadable = (message: string): GatewayError =>
  new GatewayError('invalid_request', { message });

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable('the body must be JSON'); // The parser's own words quote the body.
  }
}

/** An object of JSON, which a list is not. */
export const isRecord = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isShallow(value: unknown, depthLeft: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depthLeft > 0 && Object.values(value).every((member) => isShallow(member, depthLeft - 1));
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
