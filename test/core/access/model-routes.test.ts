import { describe, expect, test } from 'vitest';
import { isJudgedRoute } from '../../../core/access/model-routes.ts';
import { findRoute } from '../../../core/dialects/routes.ts';

const request = (method: string, path: string) => ({
  method,
  path,
  query: { alt: 'sse' },
  headers: new Map(),
  body: undefined,
});

describe('the identity controls of a key', () => {
  test.each([
    ['GET', '/v1/key'],
    ['GET', '/v1/usage'],
    ['GET', '/v1/users'],
    ['PATCH', '/v1/users/token:ada'],
    ['POST', '/v1/scoped-jwt'],
    ['DELETE', '/v1/scoped-jwt'],
    ['GET', '/v1/models'],
    ['GET', '/v1/models/openai/gpt-x'],
    ['GET', '/v1beta/models'],
  ])('do not judge %s %s, which calls no model', (method, path) => {
    expect(isJudgedRoute({ method, path })).toBe(false);
    expect(findRoute(request(method, path))).toBeUndefined();
  });

  test.each([
    ['POST', '/v1/chat/completions'],
    ['POST', '/v1/messages'],
    ['POST', '/v1/models/google/gemini-x:streamGenerateContent'],
    ['POST', '/v1/usersx'],
    ['GET', '/v1/keys'],
    ['GET', '/v1/modelsx'],
    ['GET', '/anything'],
  ])('judge %s %s', (method, path) => {
    expect(isJudgedRoute({ method, path })).toBe(true);
  });
});
