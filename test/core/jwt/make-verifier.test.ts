import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { makeVerifier, type VerifierRequest } from '../../../core/jwt/make-verifier.ts';
import type { Verifier } from '../../../core/jwt/verifier.ts';

const make = (request: VerifierRequest, seen?: Verifier, allowLoopback = false) =>
  makeVerifier(request, { seen, allowLoopback, version: 'v1' });
const JWKS = { kind: 'jwks', url: 'https://id.example/jwks' } as const;
const secretOf = (bytes: number) => ({ kind: 'secret', secret: 'x'.repeat(bytes) }) as const;
const refusal = (message: string) =>
  expect.objectContaining({ code: 'invalid_request', message: expect.stringContaining(message) });
const pemOf = (bits: number) =>
  generateKeyPairSync('rsa', { modulusLength: bits })
    .publicKey.export({ type: 'spki', format: 'pem' })
    .toString();

const SUPABASE: Verifier = {
  key: { kind: 'jwks', url: 'https://ref.supabase.co/auth/v1/.well-known/jwks.json' },
  algorithms: ['ES256', 'RS256'],
  issuers: ['https://ref.supabase.co/auth/v1'],
  audiences: ['authenticated'],
  authorizedParties: [],
  required: [{ claim: 'role', values: ['authenticated'] }],
  requireExp: true,
  clockToleranceSeconds: 5,
};

describe('a shared secret', () => {
  test.each([
    [32, ['HS256']],
    [47, ['HS256']],
    [48, ['HS256', 'HS384']],
    [64, ['HS256', 'HS384', 'HS512']],
  ])('of %i bytes serves %j', (bytes, algorithms) => {
    const { verifier, secret } = make({ material: secretOf(bytes) });
    expect(verifier.algorithms).toEqual(algorithms);
    expect(verifier.key).toEqual({ kind: 'secret', version: 'v1' });
    expect(secret).toBe('x'.repeat(bytes));
  });

  test('is refused when it is shorter than its hash', () => {
    expect(() => make({ material: secretOf(31) })).toThrow(refusal('32'));
    expect(() => make({ material: secretOf(47), algorithms: ['HS384'] })).toThrow(refusal('48'));
  });

  test('is measured in bytes', () => {
    const { verifier } = make({ material: { kind: 'secret', secret: 'ö'.repeat(16) } });
    expect(verifier.algorithms).toEqual(['HS256']);
  });

  test('serves no public algorithm', () => {
    expect(() => make({ material: secretOf(64), algorithms: ['RS256'] })).toThrow(
      refusal('--algorithms must be of HS256, HS384, HS512, got RS256'),
    );
  });

  test('needs no issuer, because nobody else has it', () => {
    expect(make({ material: secretOf(32) }).verifier.issuers).toEqual([]);
  });
});

describe('keys that sign for many customers', () => {
  test.each<[string, VerifierRequest]>([
    ['no issuer and no audience', {}],
    ['no issuer', { audiences: ['app'] }],
    ['no audience', { issuers: ['https://id.example'] }],
  ])('are refused with %s', (_, request) => {
    expect(() => make({ material: JWKS, ...request })).toThrow(refusal('--any-audience'));
    const pem = { kind: 'pem', pem: pemOf(2048) } as const;
    expect(() => make({ material: pem, ...request })).toThrow(refusal('--any-audience'));
  });

  test.each<[string, VerifierRequest]>([
    ['an audience', { audiences: ['app'] }],
    ['an authorized party', { authorizedParties: ['https://app.example'] }],
    ['a required claim', { required: [{ claim: 'org', values: ['lab'] }] }],
  ])('are accepted with an issuer and %s', (_, request) => {
    const issuers = ['https://id.example'];
    expect(make({ material: JWKS, issuers, ...request }).verifier).toMatchObject(request);
  });

  test('are accepted for any audience if the owner said so once', () => {
    const { verifier } = make({ material: JWKS, anyAudience: true });
    expect(make({ requireExp: true }, verifier).verifier).toEqual({
      ...verifier,
      requireExp: true,
    });
  });

  test('do not become open to any audience by a change', () => {
    expect(() => make({ audiences: [], required: [] }, SUPABASE)).toThrow(
      refusal('--any-audience'),
    );
  });
});

describe('a public key', () => {
  test('is refused if it is weak or not a public key', () => {
    const weak = { kind: 'pem', pem: pemOf(1024) } as const;
    expect(() => make({ material: weak, anyAudience: true })).toThrow(refusal('2048'));
    expect(() => make({ material: { kind: 'pem', pem: 'CANARY' }, anyAudience: true })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('CANARY') }),
    );
  });

  test('never serves as a shared secret', () => {
    const pem = { kind: 'pem', pem: pemOf(2048) } as const;
    expect(() => make({ material: pem, anyAudience: true, algorithms: ['HS256'] })).toThrow(
      refusal('got HS256'),
    );
  });
});

describe('the URL of a key set', () => {
  const open = { anyAudience: true };
  const at = (url: string, allowLoopback = false) =>
    make({ material: { kind: 'jwks', url }, ...open }, undefined, allowLoopback);

  test.each([
    'http://id.example/jwks',
    'https://user:password@id.example/jwks',
    'https://id.example/jwks#a',
    'http://127.0.0.1/jwks',
    'https://127.0.0.1/jwks',
    'https://localhost/jwks',
    'https://[::1]/jwks',
    'https://10.0.0.1/jwks',
    'https://169.254.169.254/latest/meta-data',
    'https://0xa9fea9fe/latest/meta-data',
    'https://2852039166/latest/meta-data',
    'https://[fd00::1]/jwks',
    'ftp://id.example/jwks',
    'file:///etc/passwd',
    'jwks',
    `https://id.example/${'a'.repeat(600)}`,
  ])('is refused: %s', (url) => {
    expect(() => at(url)).toThrow(refusal('must be an https URL'));
  });

  test('may be on this machine for a gateway on this machine; any other needs TLS', () => {
    expect(at('http://127.0.0.1:9/jwks', true).verifier.key).toMatchObject({ kind: 'jwks' });
    expect(at('http://localhost:9/jwks', true).verifier.key).toMatchObject({ kind: 'jwks' });
    expect(() => at('http://10.0.0.1/jwks', true)).toThrow(refusal('must be an https URL'));
  });
});

describe('a preset', () => {
  test('sets every part', () => {
    expect(make({ preset: 'supabase:ref' }).verifier).toEqual(SUPABASE);
  });

  test('accepts another key and keeps its rules for claims', () => {
    const { verifier, secret } = make({ preset: 'supabase:ref', material: secretOf(40) });
    expect(verifier).toEqual({
      ...SUPABASE,
      key: { kind: 'secret', version: 'v1' },
      algorithms: ['HS256'],
    });
    expect(secret).toHaveLength(40);
  });

  test('accepts required claims beside its own', () => {
    const required = [{ claim: 'tier', values: ['pro'] }];
    expect(make({ preset: 'supabase:ref', required }).verifier.required).toEqual([
      { claim: 'role', values: ['authenticated'] },
      { claim: 'tier', values: ['pro'] },
    ]);
  });

  test('is overridden by what is given beside it', () => {
    const request = {
      preset: 'supabase:ref',
      issuers: ['https://auth.example'],
      requireExp: false,
    };
    const { verifier } = make({ ...request, algorithms: ['ES256'], clockToleranceSeconds: 0 });
    expect(verifier).toEqual({
      ...SUPABASE,
      issuers: ['https://auth.example'],
      requireExp: false,
      algorithms: ['ES256'],
      clockToleranceSeconds: 0,
    });
  });
});

describe('a change', () => {
  test('keeps the parts that are not named', () => {
    expect(make({ clockToleranceSeconds: 60 }, SUPABASE).verifier).toEqual({
      ...SUPABASE,
      clockToleranceSeconds: 60,
    });
  });

  test('of claims keeps the others, and replaces one of the same name', () => {
    const { verifier } = make({ required: [{ claim: 'tier', values: [] }] }, SUPABASE);
    expect(verifier.required).toEqual([...SUPABASE.required, { claim: 'tier', values: [] }]);
    const again = make({ required: [{ claim: 'tier', values: ['pro'] }] }, verifier).verifier;
    expect(again.required).toEqual([...SUPABASE.required, { claim: 'tier', values: ['pro'] }]);
    expect(make({ required: [] }, verifier).verifier.required).toEqual([]);
  });

  test('of the secret keeps the rules for claims, and names a new version', () => {
    const { verifier } = make({ material: secretOf(32) }, SUPABASE);
    expect(verifier).toMatchObject({ key: { version: 'v1' }, issuers: SUPABASE.issuers });
  });

  test('of algorithms stays within those of the secret', () => {
    const { verifier } = make({ material: secretOf(48) });
    expect(make({ algorithms: ['HS384'] }, verifier).verifier.algorithms).toEqual(['HS384']);
    expect(() => make({ algorithms: ['HS512'] }, verifier)).toThrow(refusal('got HS512'));
  });

  test('of algorithms stays within those of the public key', () => {
    const pem = { kind: 'pem', pem: pemOf(2048) } as const;
    const { verifier } = make({ material: pem, anyAudience: true });
    expect(make({ algorithms: ['PS512'] }, verifier).verifier.algorithms).toEqual(['PS512']);
    expect(() => make({ algorithms: ['ES256'] }, verifier)).toThrow(refusal('got ES256'));
  });

  test('of the URL of a key set keeps its algorithms', () => {
    const { verifier } = make({ material: JWKS }, SUPABASE);
    expect(verifier).toEqual({ ...SUPABASE, key: JWKS });
  });

  test('of a key without a verifier is refused with the flags to give', () => {
    expect(() => make({ issuers: ['https://id.example'] })).toThrow(
      refusal('give --jwt-secret, --jwt-public-key, --jwks-url or --preset'),
    );
  });
});
