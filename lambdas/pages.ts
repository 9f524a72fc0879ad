/**
 * The pages function: static files, compressed when they were built, for anyone. It has no permission, and knows only
 * whether people may sign in.
 *
 * Guarantees: no answer depends on a credential; a page may load and call nothing but its own origin.
 * Files come from `pages/dist/pages.json`, which `npm run pages:build` writes.
 */
import { Readable } from 'node:stream';
import { brotliDecompressSync } from 'node:zlib';
import middy from '@middy/core';
import { executionModeStreamifyResponse } from '@middy/core/StreamifyResponse';
import type { APIGatewayProxyEvent } from 'aws-lambda';
import { readHeaders, readPath, type StreamedResult } from '../adapters/api-gateway/events.ts';
import { PAGE_HEADERS } from '../adapters/api-gateway/responses.ts';
import { ENVIRONMENT } from '../adapters/table-schema.ts';
import { toErrorBody } from '../core/base/error-body.ts';
import { GatewayError } from '../core/base/errors.ts';
import { type Headers, hasTag, listIn } from '../core/base/http.ts';
import built from '../pages/dist/pages.json' with { type: 'json' };

/** A file in the two forms in which it is sent, as base64. */
export interface PageFile {
  readonly type: string;
  /** The hash of the uncompressed bytes, as hex. */
  readonly hash: string;
  readonly br: string;
  readonly gzip: string;
}

/** Files by their path, `/me`. The name of a file below `/assets/` holds its hash. */
export type PageFiles = Readonly<Record<string, PageFile>>;

export const PAGE_FILES: PageFiles = built;

/** Pages with another form where people may sign in. Its name is no path: API Gateway has no such resource. */
const WITH_SIGN_IN = { '/': '/ with sign-in', '/me': '/me with sign-in' } as const;

export interface PagesSettings {
  /** True where people may sign in with a browser. */
  readonly hasSignIn: boolean;
  /** @default those of this version */
  readonly files?: PageFiles;
}

/** The hash in a name changes with the file. */
const CACHE_FOREVER = 'public, max-age=31536000, immutable';
/** A browser keeps it, and asks each time whether it changed. */
const CACHE_AND_ASK = 'no-cache';

/** Reads the function's one variable. */
export const readPagesSettings = (
  variables: Readonly<Record<string, string | undefined>>,
): PagesSettings => ({ hasSignIn: variables[ENVIRONMENT.login] === 'yes' });

export function makePagesHandler({ hasSignIn, files: given = PAGE_FILES }: PagesSettings) {
  const files = hasSignIn ? withSignIn(given) : given;
  return middy<APIGatewayProxyEvent, StreamedResult>({
    executionMode: executionModeStreamifyResponse,
  }).handler(async (event: APIGatewayProxyEvent) => answer(event, files));
}

function withSignIn(files: PageFiles): PageFiles {
  const others = Object.entries(WITH_SIGN_IN).flatMap(([path, name]) => {
    const file = files[name];
    return file === undefined ? [] : [[path, file] as const];
  });
  return { ...files, ...Object.fromEntries(others) };
}

function answer(event: APIGatewayProxyEvent, files: PageFiles): StreamedResult {
  const { httpMethod, requestContext } = event;
  const path = readPath(event);
  const headers = { ...PAGE_HEADERS, 'x-request-id': requestContext.requestId };
  const location = findRedirect(path, requestContext.path);
  if (location !== undefined)
    return { statusCode: 308, headers: { ...headers, location }, body: '' };
  const file = Object.hasOwn(files, path) ? files[path] : undefined;
  if (file === undefined) {
    const body = JSON.stringify(toErrorBody('openai', new GatewayError('not_found')));
    return { statusCode: 404, headers: { ...headers, 'content-type': 'application/json' }, body };
  }
  const sent = readHeaders(event);
  const encoding = chooseEncoding(sent);
  const etag = `"${file.hash}-${encoding}"`;
  const shared = {
    ...headers,
    etag,
    vary: 'accept-encoding',
    'cache-control': path.startsWith('/assets/') ? CACHE_FOREVER : CACHE_AND_ASK,
  };
  if (hasTag(sent, etag)) return { statusCode: 304, headers: shared, body: '' };
  return {
    statusCode: 200,
    headers: {
      ...shared,
      'content-type': file.type,
      ...(encoding === 'identity' ? {} : { 'content-encoding': encoding }),
    },
    body: httpMethod === 'HEAD' ? '' : Readable.from([bytesOf(file, encoding)]),
  };
}

/**
 * Finds where a path with a missing or superfluous slash leads. The links of a page are relative, so `/prod` must
 * become `/prod/` and `/me/` become `/me`. The location is relative too: nothing of it is the host's.
 * @param fullPath with the stage or the base path, as the browser sees it
 */
function findRedirect(path: string, fullPath: string): string | undefined {
  if (path === '/') {
    return fullPath.endsWith('/') ? undefined : `./${fullPath.split('/').at(-1)}/`;
  }
  return path.endsWith('/') ? `../${path.split('/').at(-2)}` : undefined;
}

type Encoding = 'br' | 'gzip' | 'identity';

function bytesOf({ br, gzip }: PageFile, encoding: Encoding): Buffer {
  if (encoding === 'gzip') return Buffer.from(gzip, 'base64');
  const bytes = Buffer.from(br, 'base64');
  return encoding === 'br' ? bytes : brotliDecompressSync(bytes);
}

/** Chooses the smallest form that the client accepts (RFC 9110, 12.5.3). */
function chooseEncoding(headers: Headers): Encoding {
  const accepted = listIn(headers, 'accept-encoding')
    .map((item) => item.toLowerCase().split(/\s*;\s*/))
    .filter(([, quality]) => !/^q=0(\.0*)?$/.test(quality ?? ''))
    .map(([name]) => name);
  if (accepted.includes('br')) return 'br';
  return accepted.includes('gzip') ? 'gzip' : 'identity';
}
