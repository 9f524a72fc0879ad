/**
 * Routes: the dialect of a path, and what the path says beside it. Flow: **route** > body > policy.
 * Invariant: a path that is not named here is no route of the proxy's.
 */
import { invalidRequest } from '../base/errors.ts';
import type { HttpRequest } from '../base/http.ts';
import { DIALECTS } from '../providers/endpoints.ts';
import { CHAT } from './chat/chat.ts';
import type { Dialect } from './dialect.ts';
import { EMBEDDINGS } from './embeddings.ts';
import { GOOGLE_COUNT_TOKENS } from './google/count.ts';
import { GOOGLE_BATCH_EMBED, GOOGLE_EMBED } from './google/embed.ts';
import { GOOGLE } from './google/google.ts';
import { COUNT_TOKENS, MESSAGES } from './messages/messages.ts';
import { RESPONSES } from './responses/responses.ts';

export interface Route {
  readonly dialect: Dialect;
  /** The model that the path names; undefined: the body names it. */
  readonly modelId?: string;
  /** The path is that of a stream. */
  readonly isStreamRoute: boolean;
}

const PATHS: ReadonlyMap<string, Dialect> = new Map(
  [CHAT, RESPONSES, EMBEDDINGS, MESSAGES, COUNT_TOKENS].map((dialect) => [
    DIALECTS[dialect.name].route,
    dialect,
  ]),
);

/** Google's paths hold the model, with its slashes or with `%2F` for them. */
const GOOGLE_PATH = /^\/v1(?:beta)?\/models\/(.{1,600}):([A-Za-z]{1,32})$/;

const GOOGLE_ACTIONS: ReadonlyMap<string | undefined, Dialect> = new Map([
  ['generateContent', GOOGLE],
  ['streamGenerateContent', GOOGLE],
  ['countTokens', GOOGLE_COUNT_TOKENS],
  ['embedContent', GOOGLE_EMBED],
  ['batchEmbedContents', GOOGLE_BATCH_EMBED],
]);

/**
 * The route of a request; undefined: there is none. All are POST.
 * @throws invalid_request for a model that cannot be decoded, or an `alt` by which the answer would have another form
 */
export function findRoute({ method, path, query }: HttpRequest): Route | undefined {
  if (method !== 'POST') return undefined;
  const dialect = PATHS.get(path);
  if (dialect !== undefined) return { dialect, isStreamRoute: false };
  const [, model, action] = GOOGLE_PATH.exec(path) ?? [];
  const googleDialect = GOOGLE_ACTIONS.get(action);
  if (model === undefined || googleDialect === undefined) return undefined;
  const isStreamRoute = action === 'streamGenerateContent';
  requireAlt(query.alt, isStreamRoute ? 'sse' : 'json', isStreamRoute);
  return { dialect: googleDialect, modelId: decode(model), isStreamRoute };
}

/** https://cloud.google.com/apis/docs/system-parameters: without `alt=sse` a stream is one JSON list. */
function requireAlt(alt: string | undefined, allowed: string, isRequired: boolean): void {
  if (alt === allowed || (alt === undefined && !isRequired)) return;
  const got = alt === undefined ? 'nothing' : 'another value';
  throw invalidRequest(`the query parameter "alt" must be "${allowed}" here, got ${got}`, 'alt');
}

/** Decodes once. An escape that is left over is no character of an id. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidRequest('the model in the path must be percent-encoded UTF-8', 'model');
  }
}
