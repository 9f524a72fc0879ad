import { expect, test } from 'vitest';
import { CORS_HEADERS, PREFLIGHT_HEADERS } from '../../../adapters/api-gateway/responses.ts';

const namesIn = (list = ''): readonly string[] => list.split(',');

/** Headers that Chromium and Firefox name in preflights of the SDKs of OpenAI, Anthropic, Google, Vercel, LangChain. */
test.each([
  ...['authorization', 'content-type', 'x-api-key', 'x-goog-api-key', 'x-goog-api-client'],
  ...['api-key', 'user-agent', 'anthropic-version', 'anthropic-beta'],
  ...['anthropic-dangerous-direct-browser-access', 'openai-organization', 'openai-project'],
  ...['openai-beta', 'idempotency-key', 'x-stainless-lang', 'x-stainless-package-version'],
  ...['x-stainless-os', 'x-stainless-arch', 'x-stainless-runtime', 'x-stainless-runtime-version'],
  ...['x-stainless-retry-count', 'x-stainless-timeout', 'x-stainless-read-timeout'],
  ...['x-stainless-async', 'x-stainless-helper-method', 'x-stainless-helper'],
  ...['x-user-email', 'x-conversation-id', 'x-request-id'],
])('a page may send %s', (name) => {
  expect(namesIn(PREFLIGHT_HEADERS['access-control-allow-headers'])).toContain(name);
});

test.each([
  ...['retry-after', 'x-should-retry', 'x-request-id'],
  ...['x-ratelimit-limit-requests', 'x-ratelimit-remaining-requests'],
  ...['x-ratelimit-reset-requests', 'x-ratelimit-limit-tokens', 'x-ratelimit-remaining-tokens'],
  ...['x-ratelimit-reset-tokens', 'x-hallpass-budget-limit-usd'],
  ...['x-hallpass-budget-remaining-usd', 'x-hallpass-budget-resets-at'],
  ...['x-hallpass-max-output-tokens', 'x-hallpass-cost-usd'],
])('a page may read %s', (name) => {
  expect(namesIn(CORS_HEADERS['access-control-expose-headers'])).toContain(name);
});
