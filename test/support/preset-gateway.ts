/** A gateway whose keys take the JWTs of issuers on this machine. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { runHere } from './hallpass-command.ts';
import { send } from './http-client.ts';
import { startTestGateway } from './local-gateway.ts';
import type { Claims } from './preset-cases.ts';
import { type LocalIssuer, startIssuer } from './user-jwts.ts';

const nowSeconds = (): number => Math.floor(Date.now() / 1000);
/** Claims of a JWT that is in force. */
export const inTime = (): Claims => ({ iat: nowSeconds() - 10, exp: nowSeconds() + 600 });

const CHAT = JSON.stringify({
  model: 'demo/echo',
  max_tokens: 16,
  messages: [{ role: 'user', content: 'Hello' }],
});

export interface PresetGateway {
  readonly issuers: Readonly<Record<'RS256' | 'ES256', LocalIssuer>>;
  makeKey(name: string, ...flags: string[]): Promise<string>;
  ask(key: string, jwt: string): Promise<string>;
  close(): Promise<void>;
}

export async function startPresetGateway(): Promise<PresetGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'hallpass-presets-'));
  const gateway = await startTestGateway({ data: folder });
  const issuers = { RS256: await startIssuer('RS256'), ES256: await startIssuer('ES256') };

  async function makeKey(name: string, ...flags: string[]): Promise<string> {
    const args = ['keys', 'create', name, '--client-access', ...flags, '--data', folder, '--json'];
    const { status, stdout, stderr } = await runHere(args, { input: 'x'.repeat(40) });
    expect({ status, stderr }).toMatchObject({ status: 0 });
    return JSON.parse(stdout).key;
  }

  /** The user of a JWT that may call a model, else the code of the refusal: domains judge only routes that call one. */
  async function ask(key: string, jwt: string): Promise<string> {
    const headers = { authorization: `Bearer ${key}:${jwt}`, 'content-type': 'application/json' };
    const called = await send(`${gateway.url}/chat/completions`, {
      method: 'POST',
      headers,
      body: CHAT,
    });
    if (called.status !== 200) return JSON.parse(called.text).error.code;
    const { text } = await send(`${gateway.url}/key`, { headers });
    return JSON.parse(text).data.user;
  }

  return {
    issuers,
    makeKey,
    ask,
    async close() {
      await gateway.close();
      await issuers.RS256.close();
      await issuers.ES256.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
