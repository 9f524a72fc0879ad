/**
 * The account function's routes: models, the credential itself, scoped tokens, usage.
 * Flow: Grant > count > **answer**. Invariant: no route costs money. Only revocations and changes of users write, and the
 * count of a request that a `requests:` limit applies to. An unknown route is a 404.
 */
import { type Grant, requireLiveToken } from './access/grant.ts';
import { countRequest } from './account/count-request.ts';
import { describeKey } from './account/key-info.ts';
import { describeSettings } from './account/managed-settings.ts';
import { ownedUsersOf } from './account/owned-users.ts';
import { revoke } from './account/revoke.ts';
import { describeToken, issueToken } from './account/scoped-jwt.ts';
import { describeUsage } from './account/usage.ts';
import { describeUsers } from './account/user-list.ts';
import { changeUser, describeUser, type UsersPorts } from './account/users.ts';
import { GatewayError, invalidRequest } from './base/errors.ts';
import { type HttpAnswer, type HttpRequest, hasTag } from './base/http.ts';
import { sha256 } from './base/ids.ts';
import type { JsonObject } from './base/json.ts';
import type { Clock, Random } from './base/ports.ts';
import type { RevokedList } from './keys/ports.ts';
import type { ModelLists } from './models/catalogue.ts';
import { findModel, listModels, modelReaderOf } from './models/model-list.ts';
import type { UsageReader } from './usage/ports.ts';
import type { UsageRows, WalletMarks, Wallets } from './wallet/ports.ts';

export interface AccountPorts extends UsersPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly wallets: Wallets;
  readonly marks: WalletMarks;
  readonly revokedList: RevokedList;
  readonly usage: UsageReader & UsageRows;
  readonly models: ModelLists;
  /** False: coding agents get no settings here. */
  readonly hasSignIn: boolean;
}

/** 132 bits of a hash. */
const TAG_CHARS = 22;

type RouteHandler = (
  request: HttpRequest,
  grant: Grant,
  ports: AccountPorts,
) => JsonObject | Promise<JsonObject>;

const ROUTES: ReadonlyMap<string, RouteHandler> = new Map<string, RouteHandler>([
  ['GET /v1/models', (request, grant, { models }) => listModels(request, grant, models)],
  ['GET /v1beta/models', (request, grant, { models }) => listModels(request, grant, models)],
  ['GET /v1/key', (_, grant, ports) => describeKey(grant, ports)],
  ['POST /v1/scoped-jwt', issueToken],
  ['GET /v1/scoped-jwt', describeToken],
  ['DELETE /v1/scoped-jwt', revoke],
  ['GET /v1/usage', describeUsage],
  ['GET /managed/settings', answerSettings],
  [
    'GET /v1/users',
    (request, grant, ports) => describeUsers(request, ownedUsersOf(grant, request.query), ports),
  ],
]);

const USER_PATH = /^\/v1\/users\/(.+)$/;
const MODEL_PATH = /^\/v1(?:beta)?\/models\/(.+)$/;

/**
 * Answers a request to one of the account's routes.
 * @throws not_found for an unknown route, token_expired, token_revoked, rate_limit_exceeded, and the errors of each route
 */
export async function account(
  request: HttpRequest,
  grant: Grant,
  ports: AccountPorts,
): Promise<HttpAnswer> {
  requireLiveToken(grant, ports.clock.nowMs());
  const route =
    ROUTES.get(`${request.method} ${request.path}`) ?? modelRoute(request) ?? userRoute(request);
  if (route === undefined) throw new GatewayError('not_found');
  await countRequest(grant, ports);
  const body = await route(request, grant, ports);
  return TAGGED.test(request.path) ? withTag(request, body) : { status: 200, body };
}

/** Lists of models, and settings. */
const TAGGED = /^\/(?:v1(?:beta)?\/models|managed\/settings)$/;

/**
 * Adds the tag of an answer, so that a client that has the same answer already gets 304 without it. The credential decides
 * what is in it, so only the client itself may keep it. The tag is the answer's own checksum, if it has one.
 */
function withTag({ headers }: HttpRequest, body: JsonObject): HttpAnswer {
  const { checksum = sha256(JSON.stringify(body)).slice(0, TAG_CHARS) } = body;
  const etag = `"${String(checksum)}"`;
  const tagged = { etag, 'cache-control': 'private, no-cache' };
  return hasTag(headers, etag)
    ? { status: 304, body: undefined, headers: tagged }
    : { status: 200, body, headers: tagged };
}

/** Without sign-in there is no policy, which is not the same as an empty one. */
function answerSettings(_: HttpRequest, grant: Grant, { hasSignIn, models }: AccountPorts) {
  if (!hasSignIn) throw new GatewayError('not_found');
  return describeSettings(grant, models);
}

/** `GET /v1/models/{id}` and `/v1beta/models/{id}`. Some SDKs escape the slash of an id, others do not. */
function modelRoute({ method, path }: HttpRequest): RouteHandler | undefined {
  const escaped = MODEL_PATH.exec(path)?.[1];
  if (method !== 'GET' || escaped === undefined) return undefined;
  return (request, grant, { models }) =>
    findModel(decode(escaped), modelReaderOf(request), grant, models);
}

/** `/v1/users/{user}`. */
function userRoute({ method, path }: HttpRequest): RouteHandler | undefined {
  const escaped = USER_PATH.exec(path)?.[1];
  if (escaped === undefined || (method !== 'GET' && method !== 'PATCH')) return undefined;
  const user = decode(escaped);
  return (request, grant, ports) => {
    requireKeyAlone(request.query);
    const owned = ownedUsersOf(grant, request.query);
    if (method === 'GET') return describeUser(user, owned, ports);
    return changeUser(user, request, { owned, by: `key ${grant.keyName}` }, ports);
  };
}

/** Refuses every parameter but the name of a managed key. */
function requireKeyAlone(query: HttpRequest['query']): void {
  if (Object.keys(query).every((name) => name === 'key')) return;
  throw invalidRequest('the only parameter here is "key"');
}

function decode(escaped: string): string {
  try {
    return decodeURIComponent(escaped);
  } catch {
    return escaped; // Not a valid escape, so no model and no user has this id.
  }
}
