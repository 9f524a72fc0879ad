/**
 * Hallpass under measurement: the local gateway in this process, its table in another, with token, wallet and metering.
 */

import { config } from '#config';
import { readEnvironment } from '../adapters/aws/environment.ts';
import { signScopedToken } from '../core/tokens/scoped-token.ts';
import { startLocalGateway } from '../local/gateway.ts';
import { serveCommands } from './child.ts';
import type { Target } from './load.ts';

const gateway = await startLocalGateway({
  config,
  port: 0,
  host: '127.0.0.1',
  providerUrls: { openai: process.env.BENCH_PROVIDER ?? '' },
  variables: { AWS_ENDPOINT_URL_DYNAMODB: process.env.BENCH_TABLE, OPENAI_API_KEY: 'bench' },
  onFault: (error) => console.error(error),
});
const { account, key } = gateway;
const now = Math.floor(Date.now() / 1000);
const tokenOf = (user: string): string =>
  signScopedToken(
    { account, keyName: 'demo', key },
    {
      sub: account,
      exp: now + 86_400,
      jti: user,
      user,
      models: ['openai/gpt-4o-mini'],
      spending_limit: 1000,
    },
  );
const environment = readEnvironment(gateway.variables);

const target: Target = { url: gateway.url, credential: tokenOf('student@example.edu') };

serveCommands(target, {
  'another-token': () => tokenOf('other@example.edu'),
  'table-calls': async (kind) => {
    // Loaded late: it brings the SDK's client along, whose memory is not the gateway's.
    const { measureTableCalls } = await import('./table-calls.ts');
    return measureTableCalls(environment, kind === 'sdk' ? 'sdk' : 'https');
  },
});
