/**
 * The composite action of examples/github-action/, run unchanged: with an issuer on this machine that answers and signs as
 * GitHub does, a workflow gets a token that calls a model, and every other workflow is refused by name.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { send } from '../support/http-client.ts';
import { makePairs, mintJwt } from '../support/jwts.ts';
import { type SignInGateway, startSignInGateway } from '../support/sign-in-gateway.ts';
import { type LocalIssuer, startIssuer } from '../support/user-jwts.ts';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('../../examples/github-action/exchange.sh', import.meta.url));
const ISSUER = 'https://token.actions.githubusercontent.com';
const EXCHANGE = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
};

let issuer: LocalIssuer;
let gateway: SignInGateway;
let github: Server;
let folder: string;
/** The differences of the next workflow. */
let other: Readonly<Record<string, unknown>> = {};

/** The claims of a push to main, as GitHub documents them, for an audience that the workflow chose. */
function claimsFor(aud: string) {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: ISSUER,
    aud,
    sub: 'repo:octo/app:ref:refs/heads/main',
    repository: 'octo/app',
    repository_id: '123456789',
    repository_owner_id: '65',
    ref: 'refs/heads/main',
    ref_type: 'branch',
    event_name: 'push',
    job_workflow_ref: 'octo/app/.github/workflows/x.yml@refs/heads/main',
    jti: 'one',
    nbf: now - 600,
    iat: now,
    exp: now + 300,
  };
}

beforeAll(async () => {
  issuer = await startIssuer('RS256');
  const preset = 'github-actions:octo/app#123456789@refs/heads/main';
  gateway = await startSignInGateway({
    key: 'ci',
    exchange: [{ name: 'deploy', preset, jwks: issuer.jwksUrl, models: ['demo/*'] }],
  });
  folder = await mkdtemp(join(tmpdir(), 'hallpass-action-'));
  github = createServer((request, response) => {
    const audience = new URL(request.url ?? '', 'http://x').searchParams.get('audience') ?? '';
    const isAllowed = request.headers.authorization === 'bearer request-token';
    response.statusCode = isAllowed ? 200 : 401;
    response.end(JSON.stringify({ value: issuer.sign({ ...claimsFor(audience), ...other }) }));
  });
  await new Promise<void>((resolve) => github.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  github.close();
  await gateway.close();
  await issuer.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs the action's script in a workflow whose claims differ in these. */
async function runAction(
  differing: Readonly<Record<string, unknown>> = {},
  inputs: Readonly<Record<string, string>> = {},
) {
  other = differing;
  const output = join(folder, 'output');
  await writeFile(output, '');
  const { port } = github.address() as AddressInfo;
  const env = {
    PATH: process.env.PATH,
    ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-token',
    GITHUB_OUTPUT: output,
    HALLPASS_URL: gateway.url,
    ...inputs,
  };
  const { stdout, failed } = await run('bash', [SCRIPT], { env }).then(
    ({ stdout: text }) => ({ stdout: text, failed: false }),
    ({ stdout: text }) => ({ stdout: String(text), failed: true }),
  );
  const token = /^token=(.*)$/m.exec(await readFile(output, 'utf8'))?.[1] ?? '';
  return { stdout, failed, token };
}

describe('the action', () => {
  test('gives a workflow a token that calls a model in its own name, and masks it in the log', async () => {
    const { token, stdout } = await runAction({}, { HALLPASS_SPENDING_LIMIT: '0.50' });

    expect(token).toMatch(/^jwt:/);
    expect(stdout).toContain(`::add-mask::${token}\n`);
    const answer = await send(`${gateway.url}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'demo/echo',
        max_tokens: 16,
        messages: [{ role: 'user', content: 'Hello' }],
      }),
    });
    expect(answer.status).toBe(200);
    const about = await gateway.aboutKey(token);
    expect(about).toMatchObject({
      user: 'deploy:repo:octo/app:ref:refs/heads/main',
      limit: 0.5,
      models: ['demo/*'],
    });
  });

  // guarantee: exchange-by-rule
  test.each([
    ['another repository', { repository: 'octo/other' }, "the claim 'repository'"],
    ['another id of that name', { repository_id: '987654321' }, "the claim 'repository_id'"],
    ['another branch', { ref: 'refs/heads/feature' }, "the claim 'ref'"],
    ['a pull request', { event_name: 'pull_request_target' }, "the claim 'event_name'"],
    ['another audience', { aud: 'https://github.com/octo' }, "the claim 'aud'"],
    ['another issuer', { iss: 'https://gitlab.com' }, 'no rule is for the issuer'],
  ])('is refused by name in %s', async (_, differing, reason) => {
    const { token, stdout, failed } = await runAction(differing);
    expect({ token, failed }).toEqual({ token: '', failed: true });
    expect(stdout).toMatch(/^::error::.*/m);
    expect(stdout).toContain(reason);
  });

  test('cannot widen its rule', async () => {
    const { token, stdout } = await runAction({}, { HALLPASS_MODELS: 'openai/gpt-5' });
    expect(token).toBe('');
    expect(stdout).toContain('the models must be among those that the rule allows');
  });

  test('says what is missing in a workflow without "id-token: write"', async () => {
    const { stdout, failed } = await runAction({}, { ACTIONS_ID_TOKEN_REQUEST_URL: '' });
    expect(failed).toBe(true);
    expect(stdout).toContain('id-token: write');
  });
});

describe('the exchange over HTTP', () => {
  const exchange = (form: Readonly<Record<string, string>>) =>
    gateway.post('/oauth/token', { ...EXCHANGE, ...form });
  const sign = (claims = {}) => issuer.sign({ ...claimsFor(gateway.root), ...claims });

  test('gives a token of an hour, and says what it allows', async () => {
    const { status, body } = await exchange({ subject_token: sign(), models: 'demo/echo' });
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: expect.stringMatching(/^jwt:/),
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      expires_in: 3_600,
      scope: 'model:demo/echo',
    });
  });

  test('gives each token a name of its own, and all of one workflow one allowance', async () => {
    const tokens = [];
    for (let index = 0; index < 3; index += 1) {
      const { body } = await exchange({ subject_token: sign() });
      tokens.push(String(body.access_token));
    }
    const payloads = tokens.map((token) =>
      JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()),
    );
    expect(new Set(payloads.map(({ jti }) => jti)).size).toBe(3);
    expect(new Set(payloads.map(({ user }) => user)).size).toBe(1);
  });

  test('is published where clients look, without a credential, for any origin', async () => {
    const { status, text, headers } = await send(
      `${gateway.root}/.well-known/oauth-authorization-server`,
    );
    expect(status).toBe(200);
    expect(headers['access-control-allow-origin']).toBe('*');
    expect(JSON.parse(text)).toMatchObject({
      issuer: gateway.root,
      token_endpoint: `${gateway.root}/oauth/token`,
    });
  });

  test('refuses its own token as a subject, and a forged one', async () => {
    const { body } = await exchange({ subject_token: sign() });
    const own = String(body.access_token);
    for (const subject of [own, own.slice(4), `${sign().slice(0, -8)}AAAAAAAA`]) {
      const answer = await exchange({ subject_token: subject });
      expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    }
  });

  // guarantee: exchange-by-rule
  test('takes no other algorithm and no other key, whatever the token’s header says', async () => {
    const claims = claimsFor(gateway.root);
    const { rsa, ES256 } = makePairs();
    const kid = 'local-RS256';
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const forged of [
      mintJwt({ alg: 'HS256', key: issuer.publicPem, header: { kid }, claims }),
      mintJwt({ alg: 'RS256', key: rsa.privateKey, header: { kid }, claims }),
      mintJwt({ alg: 'ES256', key: ES256.privateKey, header: { kid }, claims }),
      mintJwt({
        alg: 'RS256',
        key: rsa.privateKey,
        header: { jwk: rsa.publicKey.export({ format: 'jwk' }) },
        claims,
      }),
      mintJwt({ alg: 'RS256', key: rsa.privateKey, header: { jku: issuer.jwksUrl }, claims }),
      `${encode({ alg: 'none', kid })}.${encode(claims)}.`,
    ]) {
      const { status, body } = await exchange({ subject_token: forged });
      expect({ status, error: body.error }).toEqual({ status: 400, error: 'invalid_grant' });
    }
  });

  test('ends with its key: a key that is disabled gives no token, and none of its tokens opens', async () => {
    const { body } = await exchange({ subject_token: sign() });
    await gateway.run('keys', 'disable', 'ci');
    const opened = async () => {
      const headers = { authorization: `Bearer ${body.access_token}` };
      return (await send(`${gateway.url}/models`, { headers })).status;
    };
    await expect.poll(opened, { interval: 500 }).toBe(401);
    const again = await exchange({ subject_token: sign() });
    expect(again).toEqual({
      status: 400,
      body: { error: 'invalid_grant', error_description: 'access is switched off' },
    });
  });
});
