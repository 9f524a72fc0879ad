import { describe, expect, test } from 'vitest';
import { familyOfPath, toErrorBody, toErrorHeaders } from '../../../core/base/error-body.ts';
import { ERRORS, type ErrorCode, GatewayError, toGatewayError } from '../../../core/base/errors.ts';

const spent = new GatewayError('insufficient_quota', {
  limit: {
    per: 'token',
    unit: 'usd',
    window: 'total',
    limitValue: 2,
    used: 2,
    reserved: 0.5,
    resetsAtMs: null,
  },
});

describe('toErrorBody', () => {
  test('formats an error as OpenAI does', () => {
    expect(toErrorBody('openai', spent)).toEqual({
      error: {
        message: 'The spending limit has been reached.',
        type: 'insufficient_quota',
        param: null,
        code: 'insufficient_quota',
        limit: { per: 'token', unit: 'usd', window: 'total' },
        limit_value: 2,
        used: 2,
        reserved: 0.5,
        resets_at: null,
      },
    });
  });

  test('formats an error as Anthropic does', () => {
    expect(toErrorBody('anthropic', new GatewayError('not_found'))).toEqual({
      type: 'error',
      error: { type: 'not_found_error', message: 'There is no such route.', code: 'not_found' },
    });
  });

  test('formats an error as Google does', () => {
    expect(toErrorBody('google', new GatewayError('model_not_allowed'))).toEqual({
      error: {
        code: 403,
        message: 'This credential may not use the model.',
        status: 'PERMISSION_DENIED',
        reason: 'model_not_allowed',
      },
    });
  });
});

describe('toErrorHeaders', () => {
  test.each([
    ['a credential refused', new GatewayError('invalid_api_key'), { 'www-authenticate': 'Bearer' }],
    [
      'a short wait',
      new GatewayError('budget_in_use', { retryAfterSeconds: 2 }),
      { 'retry-after': '2' },
    ],
    [
      'a long wait, not to be slept through',
      new GatewayError('rate_limit_exceeded'),
      { 'x-should-retry': 'false' },
    ],
    ['money gone, which no SDK retries', spent, {}],
  ])('sets the headers for %s', (_name, error, headers) => {
    expect(toErrorHeaders(error)).toEqual(headers);
  });
});

describe('familyOfPath', () => {
  test.each([
    ['/v1/chat/completions', 'openai'],
    ['/v1/messages', 'anthropic'],
    ['/v1/messages/count_tokens', 'anthropic'],
    ['/v1/messagesx', 'openai'],
    ['/v1beta/models/gemini-2.5-flash:generateContent', 'google'],
    ['/v1/models/gemini-2.5-flash:streamGenerateContent', 'google'],
    ['/v1/models/google/gemini-2.5-flash:generateContent', 'google'],
    ['/v1beta/anything', 'google'],
    ['/v1/models/openai/gpt-5', 'openai'],
    ['/v1/models/ollama/llama3:8b', 'openai'],
    ['/v1/models/openrouter/x:thinking', 'openai'],
    ['/nowhere', 'openai'],
  ])('returns for %s the family %s', (path, dialect) => {
    expect(familyOfPath(path)).toBe(dialect);
  });
});

describe('ERRORS', () => {
  test('never uses 409, which SDKs retry', () => {
    expect(Object.values(ERRORS).map((row) => row.status)).not.toContain(409);
  });

  test('hides the message of an unknown error', () => {
    const error = toGatewayError(new Error('sk-hp-secret'));
    const code: ErrorCode = 'internal_error';
    expect(error).toMatchObject({ code, status: 500, message: 'The gateway failed.' });
  });
});
