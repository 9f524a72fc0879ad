/**
 * Pages in a real browser: from another origin and opened from disk, with the official SDKs in the page.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import type OpenAI from 'openai';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defineConfig } from '../../core/config.ts';
import { hasBrowser } from '../support/browser.ts';
import {
  DONE_EVENT,
  type FakeProvider,
  FINISH_EVENT,
  startFakeProvider,
  streamReply,
  textEvent,
  usageEvent,
  usageOf,
} from '../support/fake-provider.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';
import { type SdkPages, startSdkPages } from '../support/sdk-pages.ts';

declare global {
  /** Only in the page. */
  var PageOpenAI: typeof OpenAI;
}

const config = (allowedOrigins: string[]) =>
  defineConfig({ providers: { openai: {} }, allowedOrigins });

describe.skipIf(!hasBrowser)('a page in a browser', () => {
  let folder: string;
  let provider: FakeProvider;
  let gateway: TestGateway;
  let pages: SdkPages;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hallpass-page-'));
    provider = await startFakeProvider();
    gateway = await startTestGateway({ providerUrls: { openai: provider.url } });
    pages = await startSdkPages(folder);
  });
  afterAll(async () => {
    await pages?.close();
    await gateway?.close();
    await provider?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const openers = [
    ['of another origin', () => pages.openFromServer()],
    ['opened from disk, whose origin is "null"', () => pages.openFromDisk()],
  ] as const;

  describe.each(openers)('%s', (_, open) => {
    let page: Page;
    beforeAll(async () => {
      page = await open();
    });
    afterAll(() => page?.close());

    test('streams an answer with the official SDK, and reads the budget from the headers', async () => {
      provider.reply(
        streamReply(
          textEvent('Good ') +
            textEvent('day') +
            FINISH_EVENT +
            usageEvent(usageOf(9, 2)) +
            DONE_EVENT,
        ),
      );
      const token = gateway.sign({ models: ['openai/gpt-4o-mini'], spending_limit: 0.5 });

      const seen = await page.evaluate(
        async ({ baseURL, apiKey }) => {
          const client = new globalThis.PageOpenAI({
            baseURL,
            apiKey,
            dangerouslyAllowBrowser: true,
          });
          const { data, response } = await client.chat.completions
            .create({
              model: 'openai/gpt-4o-mini',
              messages: [{ role: 'user', content: 'Hello' }],
              stream: true,
            })
            .withResponse();
          let text = '';
          for await (const chunk of data) text += chunk.choices[0]?.delta.content ?? '';
          return {
            text,
            limit: response.headers.get('x-hallpass-budget-limit-usd'),
            requestId: response.headers.get('x-request-id'),
          };
        },
        { baseURL: gateway.url, apiKey: token },
      );

      expect(seen).toEqual({
        text: 'Good day',
        limit: '0.5',
        requestId: expect.stringMatching(/^[\da-f-]{36}$/),
      });
    });

    test('calls with a key that anyone may read and the JWT of its user, and not with the key alone', async () => {
      const { clientKey, clientJwtSecret } = gateway;
      const jwt = await new SignJWT({ sub: 'ada' })
        .setProtectedHeader({ alg: 'HS256' })
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(Buffer.from(clientJwtSecret));

      expect(await askIn(page, gateway.url, `${clientKey}:${jwt}`, 'demo/echo')).toBe('answered');
      expect(await askIn(page, gateway.url, clientKey, 'demo/echo')).toEqual({
        status: 401,
        code: 'invalid_api_key',
      });
    });

    test.each([
      [403, 'model_not_allowed', { models: ['openai/other'] }],
      [401, 'token_expired', { exp: 1_000_000_000, iat: 999_999_000 }],
      [402, 'insufficient_quota', { spending_limit: 0.000_000_001 }],
    ])('gets %i %s as the SDK’s own error', async (status, code, claims) => {
      expect(await askIn(page, gateway.url, gateway.sign(claims))).toEqual({ status, code });
    });
  });

  test('of an origin that the configuration does not allow is refused with origin_not_allowed', async () => {
    const strict = await startTestGateway({
      config: config([pages.origin]),
      providerUrls: { openai: provider.url },
    });
    const fromDisk = await pages.openFromDisk();
    const fromServer = await pages.openFromServer();
    provider.reply(streamReply(''));

    expect(await askIn(fromDisk, strict.url, strict.sign())).toEqual({
      status: 403,
      code: 'origin_not_allowed',
    });
    expect(await askIn(fromServer, strict.url, strict.sign({ models: ['demo/echo'] }))).toEqual({
      status: 403,
      code: 'model_not_allowed',
    });
    await Promise.all([fromDisk.close(), fromServer.close()]);
    await strict.close();
  });

  test('may send every header that an SDK or a user of Hallpass sends', async () => {
    const page = await pages.openFromServer();
    const status = await page.evaluate(
      async ({ url, token }) => {
        const response = await fetch(`${url}/models`, {
          headers: {
            'x-api-key': token,
            'anthropic-version': '2023-06-01',
            'anthropic-dangerous-direct-browser-access': 'true',
            'x-stainless-retry-count': '0',
            'x-conversation-id': 'c1',
            'openai-organization': 'o',
          },
        });
        return response.status;
      },
      { url: gateway.url, token: gateway.sign() },
    );
    expect(status).toBe(200);
    await page.close();
  });
});

/** Calls a model once with the SDK in a page, and returns 'answered' or the status and code of what it throws. */
const askIn = (page: Page, baseURL: string, apiKey: string, model = 'openai/gpt-4o-mini') =>
  page.evaluate(
    async ({ asked, ...options }) => {
      const client = new globalThis.PageOpenAI({
        ...options,
        dangerouslyAllowBrowser: true,
        maxRetries: 0,
      });
      try {
        await client.chat.completions.create({
          model: asked,
          messages: [{ role: 'user', content: 'Hello' }],
        });
        return 'answered';
      } catch (error) {
        const { status, code } = error as { status?: number; code?: string };
        return { status, code };
      }
    },
    { baseURL, apiKey, asked: model },
  );
