/**
 * Calls a gateway by its URL, with the key of `HALLPASS_KEY` alone: no AWS credentials and no data folder.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { isRecord, type JsonObject } from '../../core/base/json.ts';
import { isSafeForSecrets, parseUrl } from '../../core/base/url.ts';
import { CommandError, wrongUse } from '../failure.ts';
import type { Terminal } from '../output.ts';

/** The flag that names a gateway by its URL. */
export interface UrlFlag {
  readonly url?: string;
}

/** Adds the flag to a command that also takes `--data` and `--stack`. */
export const withUrl = (command: Command): Command =>
  command.addOption(
    new Option('--url <url>', 'URL of any gateway; uses the key in HALLPASS_KEY')
      .argParser(toBaseUrl)
      .conflicts(['data', 'stack']),
  );

/** Reads the URL of a gateway, with or without its `/v1`. A key is sent over https, or to this machine. */
export function toBaseUrl(text: string): string {
  const url = parseUrl(text);
  if (url === undefined || !isSafeForSecrets(url) || url.search !== '' || url.hash !== '') {
    throw new InvalidArgumentError(
      'It must be an https URL, or an http URL of this machine, without query and fragment.',
    );
  }
  return url.href.replace(/\/+$/, '').replace(/(\/v1)?$/, '/v1');
}

interface CallOptions {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly body?: object;
  readonly idempotencyKey?: string;
}

/** A person waits for it. */
const TIMEOUT_MS = 30_000;

/**
 * Calls one of the owner's routes.
 * @param path behind `/v1`, with its query
 * @throws CommandError with the gateway's words, or when it cannot be reached
 */
export async function callByKey(
  url: string,
  path: string,
  { variables }: Pick<Terminal, 'variables'>,
  { method = 'GET', body, idempotencyKey }: CallOptions = {},
): Promise<JsonObject> {
  const key = variables.HALLPASS_KEY?.trim();
  if (!key) throw wrongUse('--url needs the key in HALLPASS_KEY');
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
    },
    ...(body && { body: JSON.stringify(body) }),
    redirect: 'error', // A redirect would take the key elsewhere.
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch(() => {
    throw new CommandError(`the gateway at ${url} cannot be reached`);
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok && isRecord(answer)) return answer;
  throw new CommandError(wordsOf(answer) ?? `the gateway answered ${response.status}`);
}

function wordsOf(answer: unknown): string | undefined {
  const { code, message } = Object(Object(answer).error);
  if (typeof message !== 'string') return undefined;
  return typeof code === 'string' ? `${message} [${code}]` : message;
}
