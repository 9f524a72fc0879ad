/** Everything that sign-in's flows need, in memory: a clock that is set, a provider that says what a test wants. */
import { createHash } from 'node:crypto';

import type { JsonObject } from '../../core/base/json.ts';
import { parseLimit } from '../../core/base/limit-text.ts';
import { defineConfig } from '../../core/config.ts';
import { makeJwtKeys } from '../../core/jwt/jwt-keys.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import { OAuthError } from '../../core/sign-in/oauth-error.ts';
import type { ProviderAnswer, SignInPorts } from '../../core/sign-in/ports.ts';
import { parseSignIn } from '../../core/sign-in/settings.ts';
import { NO_KEY_SETS } from './jwts.ts';
import { ACCOUNT, KEY, makeMemoryKeys, SERVER_RECORD } from './memory-keys.ts';
import { type MemorySignIn, makeMemorySignIn } from './memory-sign-in.ts';

const START_MS = 1_795_176_000_000;
export const CAPPED: KeyRecord = { ...SERVER_RECORD, limits: [parseLimit('user:usd:week=10')] };
export const ADA_CLAIMS: JsonObject = {
  email: 'ada@example.edu',
  email_verified: true,
  groups: ['staff'],
};

export interface SignInKit {
  readonly ports: SignInPorts;
  readonly store: MemorySignIn;
  /** Moves the clock. */
  pass(durationMs: number): void;
  /** The provider's answer to the next refresh. */
  atProvider: { claims?: JsonObject | undefined; fault?: Error; refreshToken?: string };
  /** The provider's refresh tokens that it was asked with. */
  readonly askedWith: string[];
  /** `user jti`, as they were revoked. */
  readonly revoked: string[];
  readonly blocked: Set<string>;
  /** `user amount`, as limits were given. */
  readonly given: string[];
  /** All that the table holds, as one text. */
  stored(): string;
}

export function makeSignInKit(
  signIn: Readonly<Record<string, unknown>> = {},
  record: KeyRecord = CAPPED,
): SignInKit {
  let nowMs = START_MS;
  let drawn = 0;
  const store = makeMemorySignIn();
  const kit: Pick<SignInKit, 'atProvider' | 'askedWith' | 'revoked' | 'blocked' | 'given'> = {
    atProvider: { claims: ADA_CLAIMS },
    askedWith: [],
    revoked: [],
    blocked: new Set(),
    given: [],
  };
  const config = defineConfig({
    account: ACCOUNT,
    providers: {},
    signIn: {
      issuer: 'https://idp.example.edu',
      clientId: 'hallpass',
      key: 'course',
      requiredClaims: ['groups=staff'],
      ...signIn,
    },
  });
  if (config.signIn === undefined) throw new Error('there is no sign-in');
  const refresh = async (token: string): Promise<ProviderAnswer> => {
    kit.askedWith.push(token);
    const { claims, fault, refreshToken } = kit.atProvider;
    await Promise.resolve();
    if (fault !== undefined) throw fault;
    return { claims, ...(refreshToken !== undefined && { refreshToken }) };
  };
  const ports: SignInPorts = {
    account: ACCOUNT,
    publicUrl: 'https://llm.example.edu',
    settings: parseSignIn(config.signIn),
    providers: [],
    keys: makeMemoryKeys(record),
    secrets: { findKey: async () => KEY, findClientSecret: async () => undefined },
    jwtKeys: makeJwtKeys(makeMemoryKeys(record), NO_KEY_SETS),
    store,
    provider: {
      makeUrl: async ({ state }) => `https://idp.example.edu/authorize?state=${state}`,
      redeem: async () => ({ claims: ADA_CLAIMS }),
      refresh,
    },
    people: {
      isBlocked: async (_, user) => kit.blocked.has(user),
      giveLimit: async (_, user, amount) => void kit.given.push(`${user} ${amount}`),
      revokeToken: async (_, user, jti) => void kit.revoked.push(`${user} ${jti}`),
    },
    clock: {
      nowMs: () => nowMs,
      sleep: async (durationMs) => {
        nowMs += durationMs;
      },
    },
    random: {
      uuid: () => {
        drawn += 1;
        return `00000000-0000-4000-8000-${String(drawn).padStart(12, '0')}`;
      },
      bytes: (count) => {
        drawn += 1;
        return createHash('sha256').update(`drawn ${drawn}`).digest().subarray(0, count);
      },
    },
    log: { write: () => {} },
  };
  return Object.assign(kit, {
    ports,
    store,
    pass: (durationMs: number) => {
      nowMs += durationMs;
    },
    stored: () => JSON.stringify([...store.grants]),
  });
}

/** The provider refuses, as for a person who left. */
export const REFUSED = new OAuthError('access_denied', 'the identity provider refused');
