/**
 * `hallpass tokens issue`: a token from nothing but a key.
 */
import { randomUUID } from 'node:crypto';
import { toWords } from '../../core/base/duration.ts';
import { type IssueAsk, issueOffline } from '../../core/tokens/issue.ts';
import { config } from '../../hallpass.config.ts';
import { wrongUse } from '../failure.ts';
import { type Terminal, toInstant, toJson } from '../output.ts';

export interface IssueFlags {
  readonly models?: readonly string[];
  readonly limitUsd?: number;
  /** An instant, in milliseconds. */
  readonly expires: number;
  readonly user?: string;
  readonly jti?: string;
  /** In seconds. */
  readonly maxTokenLifetime?: number;
  readonly json?: true;
}

export function issue(flags: IssueFlags, nowMs: number, terminal: Terminal): void {
  const { models, limitUsd, user, jti = randomUUID(), maxTokenLifetime } = flags;
  const issued = issueOffline(
    {
      ...signerOf(terminal),
      ...(models && { models }),
      ...(limitUsd !== undefined && { spendingLimit: limitUsd }),
      ...(user !== undefined && { user }),
      jti,
      expiresAtMs: flags.expires,
      maxTokenLifetimeSeconds: maxTokenLifetime ?? config.defaults.maxTokenLifetimeSeconds,
    },
    nowMs,
  );
  const expiresAt = toInstant(issued.expiresAtMs);
  terminal.note(
    [
      `issued the token "${jti}" of the key "${issued.keyName}"`,
      user === undefined ? 'for nobody by name' : `for ${user}`,
      models === undefined ? 'for any model of the key' : `for ${models.join(', ')}`,
      limitUsd === undefined ? 'without a spending limit of its own' : `for ${limitUsd} USD`,
      `until ${expiresAt} (${toWords((issued.expiresAtMs - nowMs) / 1000)})`,
    ].join(', '),
  );
  if (!flags.json) {
    terminal.print(issued.token);
    return;
  }
  terminal.print(
    toJson({
      token: issued.token,
      account: issued.account,
      key_name: issued.keyName,
      jti,
      user: user ?? null,
      models: models ?? null,
      spending_limit: limitUsd ?? null,
      expires_at: expiresAt,
    }),
  );
}

/** The key that signs, and its kid. */
export const signerOf = (terminal: Terminal): Pick<IssueAsk, 'key' | 'kid'> => ({
  key: needVariable('HALLPASS_KEY', 'the key', terminal),
  kid: needVariable('HALLPASS_KEY_ID', 'its kid', terminal),
});

/** A secret from the environment: never an argument, which a process list shows. */
function needVariable(name: string, what: string, { variables }: Terminal): string {
  const value = variables[name]?.trim();
  if (value === undefined || value === '') {
    throw wrongUse(
      `the environment variable ${name} must hold ${what}, as "keys create" prints it`,
    );
  }
  return value;
}
