/**
 * `hallpass tokens issue`: signs a token with only a key.
 */
import { randomUUID } from 'node:crypto';
import { config } from '#config';
import { toWords } from '../../core/base/duration.ts';
import type { Tags } from '../../core/base/tags.ts';
import { type IssueRequest, issueOffline } from '../../core/tokens/issue.ts';
import { wrongUse } from '../failure.ts';
import type { PlaceFlags } from '../flags.ts';
import type { UrlFlag } from '../gateway/by-key.ts';
import { printResult, type Terminal, toInstant } from '../output.ts';
import { type CommonAsk, namesGateway, withTokenBook } from './token-book.ts';

export interface IssueFlags {
  readonly models?: readonly string[];
  readonly limitUsd?: number;
  /** An instant, in milliseconds. */
  readonly expires: number;
  readonly user?: string;
  readonly jti?: string;
  readonly tag?: Tags;
  /** In seconds. */
  readonly maxTokenLifetime?: number;
  readonly json?: true;
}

export function readCommonAsk(flags: IssueFlags, terminal: Terminal): CommonAsk {
  const { models, limitUsd, expires, maxTokenLifetime, tag } = flags;
  return {
    ...readSigner(terminal),
    ...(models && { models }),
    ...(limitUsd !== undefined && { spendingLimit: limitUsd }),
    ...(tag && { tags: tag }),
    expiresAtMs: expires,
    maxTokenLifetimeSeconds: maxTokenLifetime ?? config.defaults.maxTokenLifetimeSeconds,
  };
}

const NOTHING_TO_ASK =
  '--data, --stack and --url need --roster or --models: nothing else of one token needs a gateway';

/** Issues one token. If a flag names a gateway, models that it does not have are refused. */
export async function issue(
  flags: IssueFlags & PlaceFlags & UrlFlag,
  nowMs: number,
  terminal: Terminal,
): Promise<void> {
  const { models, limitUsd, user, jti = randomUUID() } = flags;
  const ask = { ...readCommonAsk(flags, terminal), ...(user !== undefined && { user }), jti };
  if (namesGateway(flags)) {
    if (models === undefined) throw wrongUse(NOTHING_TO_ASK);
    await withTokenBook(ask, flags, terminal, (book) => book.requireModels(models));
  }
  const issued = issueOffline(ask, nowMs);
  const expiresAt = toInstant(issued.expiresAtMs);
  terminal.note(
    [
      `issued the token "${jti}" of the key "${issued.keyName}"`,
      user === undefined ? 'without a user' : `for ${user}`,
      models === undefined ? 'for any model of the key' : `for ${models.join(', ')}`,
      limitUsd === undefined ? 'without a spending limit of its own' : `for ${limitUsd} USD`,
      `until ${expiresAt} (${toWords((issued.expiresAtMs - nowMs) / 1000)})`,
    ].join(', '),
  );
  const json = {
    token: issued.token,
    account: issued.account,
    key_name: issued.keyName,
    jti,
    user: user ?? null,
    models: models ?? null,
    spending_limit: limitUsd ?? null,
    ...(flags.tag && { tags: flags.tag }),
    expires_at: expiresAt,
  };
  printResult(flags, terminal, { json, text: () => issued.token });
}

/** Reads the key that signs, and its kid. */
export const readSigner = (terminal: Terminal): Pick<IssueRequest, 'key' | 'kid'> => ({
  key: needVariable('HALLPASS_KEY', 'the key', terminal),
  kid: needVariable('HALLPASS_KEY_ID', 'its kid', terminal),
});

/** Reads an environment variable. A secret is never an argument, because a process list shows arguments. */
function needVariable(name: string, what: string, { variables }: Terminal): string {
  const value = variables[name]?.trim();
  if (value === undefined || value === '') {
    throw wrongUse(
      `the environment variable ${name} must hold ${what}, as "keys create" prints it`,
    );
  }
  return value;
}
