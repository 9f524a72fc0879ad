import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  claimantOfJwt,
  claimantOfKey,
  claimantOfToken,
  domainOf,
  joinNamespaces,
  readConversation,
  requireAllowedIdentity,
} from '../../../core/access/identity.ts';
import type { IdentityControls } from '../../../core/keys/key-record.ts';
import { SERVER_RECORD } from '../../support/memory-keys.ts';

const NO_HEADERS = new Map();

describe('identity', () => {
  test('is the user of a personal key, in a name space of its own, whatever a header says', () => {
    const headers = new Map([['x-user-email', ['grace@example.edu']]]);
    expect(claimantOfKey({ ...SERVER_RECORD, kind: 'personal', user: 'ada' }, headers)).toEqual({
      identity: { source: 'personal', issuer: '', id: 'ada' },
      email: 'ada',
    });
    expect(claimantOfKey(SERVER_RECORD, NO_HEADERS)).toBeUndefined();
  });

  test('is the user of a token, in a name space of its own', () => {
    expect(claimantOfToken('ada')?.identity).toEqual({ source: 'token', issuer: '', id: 'ada' });
    expect(claimantOfToken(undefined)).toBeUndefined();
  });

  test('is the subject of a JWT with its issuer', () => {
    expect(claimantOfJwt({ issuer: 'https://id.example', id: 'ada' })).toEqual({
      identity: { source: 'jwt', issuer: 'https://id.example', id: 'ada' },
      email: undefined,
    });
  });
});

describe('a header that names a user', () => {
  const read = (
    headers: Readonly<Record<string, readonly string[]>>,
    identity: IdentityControls = { identityHeader: true },
    kind: 'server' | 'client' = 'server',
  ) => claimantOfKey({ kind, identity }, new Map(Object.entries(headers)))?.identity;

  test('is read if the record allows it', () => {
    const sent = { 'x-user-email': [' ada@example.edu '] };
    expect(read(sent)).toEqual({ source: 'header', issuer: '', id: 'ada@example.edu' });
    expect(read(sent, {})).toBeUndefined();
    expect(read(sent, { identityHeader: false })).toBeUndefined();
    expect(read({})).toBeUndefined();
  });

  test('may have another name, and then the usual header is ignored', () => {
    const renamed = { identityHeader: true, userHeader: 'x-openwebui-user-email' };
    expect(read({ 'x-openwebui-user-email': ['ada'] }, renamed)?.id).toBe('ada');
    expect(read({ 'x-user-email': ['ada'] }, renamed)).toBeUndefined();
    expect(read({ 'x-user-email': ['a', 'b'] }, renamed)).toBeUndefined();
  });

  test('is never read for a client key', () => {
    expect(read({ 'x-user-email': ['ada'] }, { identityHeader: true }, 'client')).toBeUndefined();
  });

  test.each([
    ['twice', ['a@example.edu', 'a@example.edu']],
    ['empty', ['']],
    ['blank', ['  ']],
    ['with a control character', ['a\u0000b']],
    ['with 257 characters', ['a'.repeat(257)]],
  ])('is refused when it is sent %s', (_, values) => {
    expect(() => read({ 'x-user-email': values })).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        message:
          'the header "x-user-email" must be sent once, as 1 to 256 characters without control characters',
      }),
    );
  });
});

describe('domainOf', () => {
  test.each([
    ['ada@School.EDU', 'school.edu'],
    ['ada@evil.example@school.edu', 'school.edu'],
    ['ada+tag@school.edu', 'school.edu'],
    ['@school.edu', undefined],
    ['ada@', undefined],
    ['ada', undefined],
    ['', undefined],
    ['ada@school.edu ', undefined],
    ['a da@school.edu', undefined],
    ['ada@school.edu\n', undefined],
    // KELVIN SIGN, which is a "k" in lower case.
    ['ada@blac\u212Aboard.edu', undefined],
    ['ada@sch\u00f6ol.edu', undefined],
  ])('of %j is %j', (email, expected) => {
    expect(domainOf(email)).toBe(expected);
  });

  test('is the part after the last @', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[!-~]{1,40}$/), (local) => {
        expect(domainOf(`${local}@school.edu`)).toBe('school.edu');
      }),
    );
  });
});

describe('allowed domains', () => {
  const codeOf = (email: string | undefined, allowedDomains = ['school.edu']) => {
    const claimant = { identity: { source: 'jwt', issuer: '', id: 'ada' } as const, email };
    try {
      requireAllowedIdentity(claimant, { allowedDomains });
      return 'passes';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test.each([
    ['ada@school.edu', 'passes'],
    ['ada@SCHOOL.edu', 'passes'],
    ['ada@evil-school.edu', 'domain_not_allowed'],
    ['ada@sub.school.edu', 'domain_not_allowed'],
    ['ada@school.edu.evil.example', 'domain_not_allowed'],
    ['ada@school.edu@evil.example', 'domain_not_allowed'],
    ['ada', 'domain_not_allowed'],
    [undefined, 'domain_not_allowed'],
  ])('with the address %s: %s', (email, expected) => {
    expect(codeOf(email)).toBe(expected);
  });
});

describe('readConversation', () => {
  const read = (...values: string[]) => readConversation(new Map([['x-conversation-id', values]]));

  test('reads 1 to 128 characters', () => {
    expect(read('a')).toBe('a');
    expect(read(`Az09._-${'x'.repeat(121)}`)).toHaveLength(128);
    expect(readConversation(new Map())).toBeUndefined();
    expect(read()).toBeUndefined();
  });

  test('names the missing header if it is enforced', () => {
    expect(() => readConversation(new Map(), { enforceConversation: true })).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        message: 'this API key requires the header "x-conversation-id"',
      }),
    );
    const sent = new Map([['x-conversation-id', ['c1']]]);
    expect(readConversation(sent, { enforceConversation: true })).toBe('c1');
  });

  test.each([
    ['empty', ['']],
    ['129 characters', ['x'.repeat(129)]],
    ['another character', ['a b']],
    ['a line feed at the end', ['a\n']],
    ['sent twice', ['a', 'a']],
  ])('refuses %s', (_, values) => {
    expect(() => read(...values)).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        message: 'the header "x-conversation-id" must be sent once, as 1 to 128 of A-Za-z0-9._-',
      }),
    );
  });
});

describe('the conversation', () => {
  const read = (
    headers: Readonly<Record<string, readonly string[]>>,
    controls?: IdentityControls,
  ) => readConversation(new Map(Object.entries(headers)), controls);

  test.each(['x-claude-code-session-id', 'session-id', 'x-openwebui-chat-id'])(
    'is the session in %s, if no header names a conversation',
    (name) => {
      expect(read({ [name]: ['s-1'] })).toBe('s-1');
      expect(read({ [name]: ['s-1'], 'x-conversation-id': ['c-1'] })).toBe('c-1');
      expect(read({ [name]: ['s-1'] }, { enforceConversation: true })).toBe('s-1');
    },
  );

  test('of a session with other characters, or too long, is a digest of 22 characters', () => {
    expect(read({ 'session-id': ['a b'] })).toMatch(/^[\w-]{22}$/);
    expect(read({ 'session-id': ['x'.repeat(129)] })).toMatch(/^[\w-]{22}$/);
    expect(read({ 'session-id': ['a b'] })).not.toBe(read({ 'session-id': ['a c'] }));
    expect(read({ 'session-id': [' '] })).toBeUndefined();
  });

  test('is read from the header that the key names, and from no other', () => {
    const controls = { conversationHeader: 'x-thread' };
    expect(read({ 'x-thread': ['t-1'], 'x-conversation-id': ['c-1'] }, controls)).toBe('t-1');
    expect(read({ 'x-conversation-id': ['c-1'] }, controls)).toBeUndefined();
    expect(() => read({ 'x-thread': ['a b'] }, controls)).toThrow('the header "x-thread" must be');
  });
});

describe('joined name spaces', () => {
  const EMAIL = { identityNamespace: 'email' } as const;
  const jwt = (email?: string) =>
    claimantOfJwt({ issuer: 'https://id.example', id: 'sub-1', ...(email && { email }) });
  const headers = new Map([['x-user-email', ['ada@example.edu']]]);

  test('make users of a header, a token and a JWT with one e-mail address one person', () => {
    const byHeader = claimantOfKey({ kind: 'server', identity: { identityHeader: true } }, headers);
    const joined = [byHeader, claimantOfToken('ada@example.edu'), jwt('ada@example.edu')];
    for (const claimant of joined) {
      expect(joinNamespaces(claimant, EMAIL)?.identity).toEqual({
        source: 'token',
        issuer: '',
        id: 'ada@example.edu',
      });
    }
    expect(joinNamespaces(byHeader, {})).toBe(byHeader);
    expect(joinNamespaces(undefined, EMAIL)).toBeUndefined();
  });

  test('refuse a JWT without a verified e-mail address', () => {
    for (const email of [undefined, 'ada']) {
      expect(() => joinNamespaces(jwt(email), EMAIL)).toThrow(
        expect.objectContaining({ code: 'identity_required' }),
      );
    }
  });
});
