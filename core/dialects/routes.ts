/**
 * Which wire format a path is asked in, and what the path says beside it. Flow: **route** > body > policy.
 * Invariant: a path that is not named here is no route of the proxy's.
 */
import { CHAT } from './chat.ts';
import type { Dialect } from './dialect.ts';
import { EMBEDDINGS } from './embeddings.ts';
import { COUNT_TOKENS, MESSAGES } from './messages.ts';
import { RESPONSES } from './responses.ts';

export interface Route {
  readonly dialect: Dialect;
  /** The model that the path names; undefined: the body names it. */
  readonly modelId?: string;
  /** The path asks for a stream. */
  readonly isStreamRoute: boolean;
}

const PATHS: ReadonlyMap<string, Dialect> = new Map([
  ['/v1/chat/completions', CHAT],
  ['/v1/responses', RESPONSES],
  ['/v1/embeddings', EMBEDDINGS],
  ['/v1/messages', MESSAGES],
  ['/v1/messages/count_tokens', COUNT_TOKENS],
]);

/** The route of a path, all of them POST; undefined: there is none. */
export function findRoute(path: string): Route | undefined {
  const dialect = PATHS.get(path);
  return dialect && { dialect, isStreamRoute: false };
}
