/**
 * `npm start -- --demo-login`: sign-in with nothing but this machine.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { config } from '#config';
import { defineConfig } from '../../core/config.ts';
import { type DemoProvider, startDemoProvider } from '../../local/demo-provider.ts';
import { type LocalGateway, startLocalGateway } from '../../local/gateway.ts';
import { send } from '../support/http-client.ts';
import { makeVisitor } from '../support/web-visitor.ts';

const start = (given = config): Promise<LocalGateway> =>
  startLocalGateway({
    config: given,
    port: 0,
    host: '127.0.0.1',
    providerUrls: {},
    variables: {},
    demoLogin: true,
  });

const hiddenIn = (html: string): Record<string, string> =>
  Object.fromEntries(
    [...html.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [
      name ?? '',
      (value ?? '').replaceAll('&amp;', '&'),
    ]),
  );

describe('the demo login', () => {
  let gateway: LocalGateway;
  beforeAll(async () => {
    gateway = await start();
  });
  afterAll(() => gateway.close(0));

  const signIn = async (email: string) => {
    const visitor = makeVisitor();
    const form = await visitor.visit(gateway.signInUrl ?? '');
    return visitor.submit(form.url.replace(/\?.*/, ''), { ...hiddenIn(form.text), email });
  };
  const tokenIn = (html: string): string => /\/me#(jwt:[\w.-]+)/.exec(html)?.[1] ?? '';

  test('gives whoever types an address a token of that user, with two dollars a day', async () => {
    const done = await signIn('bob@example.edu');
    expect(done.status).toBe(200);
    const { text } = await send(`${gateway.url}/key`, {
      headers: { authorization: `Bearer ${tokenIn(done.text)}` },
    });
    expect(JSON.parse(text).data).toMatchObject({
      user: 'bob@example.edu',
      limits: [{ per: 'user', unit: 'usd', window: 'day', limit: 2 }],
    });
  });

  test('gives one person one allowance, however often they sign in', async () => {
    const first = tokenIn((await signIn('eve@example.edu')).text);
    const second = tokenIn((await signIn('Eve@Example.edu')).text);
    expect(first).not.toBe(second);
    const body = JSON.stringify({
      model: 'demo/echo',
      messages: [{ role: 'user', content: 'Hello' }],
    });
    const headers = { authorization: `Bearer ${first}`, 'content-type': 'application/json' };
    await send(`${gateway.url}/chat/completions`, { method: 'POST', headers, body });
    const { text } = await send(`${gateway.url}/key`, {
      headers: { authorization: `Bearer ${second}` },
    });
    expect(JSON.parse(text).data.limits[0].used).toBeGreaterThan(0);
  });

  test('refuses what is no address', async () => {
    expect(await signIn('nobody')).toMatchObject({ status: 400 });
  });

  test('is refused beside a sign-in of the configuration', async () => {
    const given = defineConfig({
      providers: {},
      signIn: { issuer: 'https://idp.example.edu', clientId: 'a', key: 'demo' },
    });
    await expect(start(given)).rejects.toThrow(
      '"--demo-login" is for a configuration without "signIn"',
    );
  });
});

describe("the demo's provider", () => {
  let provider: DemoProvider;
  beforeAll(async () => {
    provider = await startDemoProvider();
  });
  afterAll(() => provider.close());

  const authorize = (other: Readonly<Record<string, string>> = {}) => {
    const asked = new URLSearchParams({
      client_id: 'hallpass-demo',
      response_type: 'code',
      code_challenge_method: 'S256',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      redirect_uri: 'http://127.0.0.1:8787/oauth/callback',
      ...other,
    });
    return send(`${provider.issuer}/authorize?${asked}`);
  };

  test.each([
    ['another machine', { redirect_uri: 'http://llm.example.edu/oauth/callback' }],
    ['another path', { redirect_uri: 'http://127.0.0.1:8787/elsewhere' }],
    ['another client', { client_id: 'other' }],
  ])('sends nobody to %s', async (_, other) => {
    expect((await authorize()).status).toBe(200);
    expect((await authorize(other)).status).toBe(400);
  });

  test('redeems a code once, and only for the verifier of its challenge', async () => {
    // The pair of RFC 7636, appendix B.
    const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
    const form = hiddenIn((await authorize({ state: 's', nonce: 'n' })).text);
    const post = (path: string, fields: Readonly<Record<string, string>>) =>
      send(`${provider.issuer}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(fields).toString(),
      });
    const draw = async (): Promise<string> => {
      const { headers } = await post('/authorize', { ...form, email: 'ann@example.edu' });
      return new URL(headers.location ?? '').searchParams.get('code') ?? '';
    };
    const redeem = (code: string, code_verifier: string) =>
      post('/token', {
        code,
        code_verifier,
        client_id: 'hallpass-demo',
        redirect_uri: 'http://127.0.0.1:8787/oauth/callback',
      });
    expect((await redeem(await draw(), 'another')).status).toBe(400);
    const code = await draw();
    expect((await redeem(code, verifier)).status).toBe(200);
    expect((await redeem(code, verifier)).status).toBe(400);
  });
});
