/** `npm start` in front of the stand-in, and tokens with a USD limit. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signScopedToken } from '../../core/tokens/scoped-token.ts';
import { start } from '../support/start-process.ts';
import type { ToolUse } from './answers.ts';
import { startStandIn } from './stand-in.ts';

export const LIMIT_USD = 5;
const TOKEN_SECONDS = 3_600;

export interface AgentGateway {
  /** Without a path. */
  readonly origin: string;
  /** A token of `LIMIT_USD`, with a name of its own. */
  newToken(name: string): string;
  /** The `data` of an answer of the account's routes. */
  read<T>(path: string, credential: string): Promise<T>;
  close(): Promise<void>;
}

export async function startAgentGateway(use: ToolUse): Promise<AgentGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'hallpass-agents-'));
  const provider = await startStandIn(use);
  const flags = [
    ...['anthropic', 'openai'].map((name) => `${name}=${provider.origin}/v1`),
    `google=${provider.origin}/v1beta/openai`,
  ].flatMap((url) => ['--provider', url]);
  const gateway = await start(['--ephemeral', ...flags], folder);
  const { account, key, url } = gateway.ready;
  return {
    origin: url.replace(/\/v1$/, ''),
    newToken(name) {
      const iat = Math.floor(Date.now() / 1000);
      const claims = { sub: account, iat, exp: iat + TOKEN_SECONDS };
      const signer = { account, keyName: 'demo', key };
      return signScopedToken(signer, { ...claims, jti: name, spending_limit: LIMIT_USD });
    },
    async read<T>(path: string, credential: string) {
      const headers = { authorization: `Bearer ${credential}` };
      const response = await fetch(`${url}/${path}`, { headers });
      return ((await response.json()) as { data: T }).data;
    },
    async close() {
      await gateway.end();
      await provider.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
