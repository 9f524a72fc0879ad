/**
 * Reads and changes of the operator's page through the command's loopback server.
 */

import type { UserView } from '../../core/account/views.ts';
import { type CallOptions, call, type UsageAnswer } from '../shared/api.ts';

/** A key, without its string. */
export interface KeyRow {
  readonly name: string;
  readonly kid: string;
  readonly kind: 'server' | 'client' | 'personal';
  readonly user: string | null;
  readonly disabled: boolean;
  readonly former: { readonly until: string } | null;
  readonly models: readonly string[] | null;
  /** `user:usd:week=5` */
  readonly limits: readonly string[];
  readonly max_token_lifetime_seconds: number;
  readonly created_at: string;
}

/** A new key string, shown once. */
export interface ShownKey extends KeyRow {
  readonly key: string;
}

export type KeyUsage = Pick<UsageAnswer, 'data' | 'truncated'>;

export interface KeyEvent {
  readonly id: string;
  readonly at: string;
  readonly by: string;
  readonly action: string;
  readonly fields: Readonly<Record<string, unknown>> | readonly unknown[];
}

export interface KeyEvents {
  readonly data: readonly KeyEvent[];
  readonly truncated: boolean;
}

export interface UserOfKey extends UserView {
  readonly key: string;
}

export interface NearAnswer {
  readonly data: readonly UserOfKey[];
  readonly truncated: boolean;
}

export interface PeopleAnswer {
  readonly data: readonly UserView[];
  /** The start of the next page. */
  readonly next: string | null;
}

export const ask = <T>(bearer: string, path: string, options: CallOptions = {}): Promise<T> =>
  call<T>(bearer, path, { ...options, base: 'api' });

/** Changes the code of the link for the bearer of this session, once. */
export async function openSession(code: string): Promise<string> {
  const { bearer } = await ask<{ bearer: string }>('-', 'session', {
    method: 'POST',
    body: { code },
  });
  return bearer;
}
