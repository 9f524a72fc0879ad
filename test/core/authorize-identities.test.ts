/**
 * Every combination of a key's identity controls and of what a request carries, against rules written down here once
 * more, in other words.
 */
import { describe, expect, test } from 'vitest';
import type { Authorization } from '../../core/access/authorization.ts';
import { authorize } from '../../core/authorize.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import { makeAuthorizePorts } from '../support/authorize-ports.ts';
import { mintJwt } from '../support/jwts.ts';
import { KEY, makeMemoryKeys, SERVER_RECORD } from '../support/memory-keys.ts';
import { mint } from '../support/tokens.ts';
import { SECRET_VERIFIER } from '../support/user-jwts.ts';

interface Row {
  readonly kind: 'server' | 'client';
  readonly headerMode: 'off' | 'on' | 'renamed';
  readonly enforce: boolean;
  readonly domains: boolean;
  readonly trustEmail: boolean;
  /** The value of both headers that might name a user. */
  readonly header: 'none' | 'ada@school.edu' | 'ada@other.edu' | 'ada' | 'sent twice';
  readonly credential: 'key' | 'jwt' | 'token of a user' | 'token of nobody';
  readonly emailVerified: boolean;
  readonly domainMatches: boolean;
}

const all = {
  kind: ['server', 'client'],
  headerMode: ['off', 'on', 'renamed'],
  enforce: [false, true],
  domains: [false, true],
  trustEmail: [false, true],
  header: ['none', 'ada@school.edu', 'ada@other.edu', 'ada', 'sent twice'],
  credential: ['key', 'jwt', 'token of a user', 'token of nobody'],
  emailVerified: [false, true],
  domainMatches: [false, true],
} as const satisfies { readonly [Name in keyof Row]: readonly Row[Name][] };

const rows = Object.entries(all).reduce<readonly object[]>(
  (made, [name, values]) =>
    made.flatMap((row) => values.map((value: unknown) => ({ ...row, [name]: value }))),
  [{}],
) as readonly Row[];

/** The user of a request by the words of the contract, or the refusal. */
function expectedOf(row: Row): string {
  const { credential, header } = row;
  const own = row.domainMatches ? 'ada@school.edu' : 'ada@other.edu';
  let who: string | undefined;
  let address: string | undefined;
  if (row.kind === 'client' && credential !== 'jwt') return 'invalid_api_key';
  if (credential === 'jwt') {
    who = 'jwt https://id.example ada';
    if (row.emailVerified || row.trustEmail) address = own;
  } else if (credential === 'token of a user') {
    who = `token  ${own}`;
    address = own;
  } else if (credential === 'key' && row.headerMode !== 'off' && header !== 'none') {
    if (header === 'sent twice') return 'invalid_request';
    who = `header  ${header}`;
    address = header;
  }
  if (who === undefined) return row.enforce ? 'identity_required' : 'nobody';
  return row.domains && !address?.endsWith('@school.edu') ? 'domain_not_allowed' : who;
}

function recordOf(row: Row): KeyRecord {
  return {
    ...SERVER_RECORD,
    kind: row.kind,
    verifier: SECRET_VERIFIER,
    identity: {
      identityHeader: row.headerMode !== 'off',
      ...(row.headerMode === 'renamed' && { userHeader: 'x-forwarder-email' }),
      enforceIdentity: row.enforce,
      ...(row.domains && { allowedDomains: ['school.edu'] }),
      trustEmail: row.trustEmail,
    },
  };
}

function credentialOf({ credential, emailVerified, domainMatches }: Row): string {
  const email = domainMatches ? 'ada@school.edu' : 'ada@other.edu';
  switch (credential) {
    case 'key':
      return KEY;
    case 'jwt': {
      const claims = { iss: 'https://id.example', email, email_verified: emailVerified };
      return `${KEY}:${mintJwt({ claims })}`;
    }
    case 'token of a user':
      return mint({ claims: { user: email } });
    case 'token of nobody':
      return mint();
  }
}

async function decide(row: Row): Promise<Authorization> {
  const keys = makeMemoryKeys(recordOf(row));
  const name = row.headerMode === 'renamed' ? 'x-forwarder-email' : 'x-user-email';
  const headers = new Map([['authorization', [`Bearer ${credentialOf(row)}`]]]);
  if (row.header === 'sent twice') headers.set(name, ['ada@school.edu', 'ada@school.edu']);
  else if (row.header !== 'none') headers.set(name, [row.header]);
  // The name that the header does not have says nothing.
  if (row.headerMode === 'renamed') headers.set('x-user-email', ['mallory@school.edu']);
  return authorize({ headers }, makeAuthorizePorts(keys));
}

function wordsOf(decision: Authorization): string {
  if (decision.kind !== 'grant') return decision.error.code;
  const { identity } = decision.grant;
  return identity ? `${identity.source} ${identity.issuer} ${identity.id}` : 'nobody';
}

describe('every combination of identity controls', () => {
  test('is decided by the rules of the contract', async () => {
    expect(rows).toHaveLength(2 * 3 * 2 * 2 * 2 * 5 * 4 * 2 * 2);
    const wrong: object[] = [];
    for (const row of rows) {
      const found = wordsOf(await decide(row));
      const expected = expectedOf(row);
      if (found !== expected) wrong.push({ ...row, found, expected });
    }
    expect(wrong).toEqual([]);
  });

  test('covers every possible answer', () => {
    expect([...new Set(rows.map(expectedOf))].sort()).toEqual([
      'domain_not_allowed',
      'header  ada',
      'header  ada@other.edu',
      'header  ada@school.edu',
      'identity_required',
      'invalid_api_key',
      'invalid_request',
      'jwt https://id.example ada',
      'nobody',
      'token  ada@other.edu',
      'token  ada@school.edu',
    ]);
  });
});
