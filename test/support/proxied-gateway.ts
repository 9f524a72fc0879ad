/** A gateway whose tables are behind a proxy that can fail, with a provider that answers. */
import { startDynamoDb } from '../../local/dynamodb/server.ts';
import { type FakeProvider, type Reply, startFakeProvider } from './fake-provider.ts';
import { startTestGateway, type TestGateway, type TestGatewayOptions } from './local-gateway.ts';
import { type Fate, startTableProxy, type TableCall, type TableProxy } from './table-proxy.ts';

export interface ProxiedGatewayOptions
  extends Pick<TestGatewayOptions, 'config' | 'makeFunctions' | 'callTimeoutMs'> {
  /** The reply to every request of the provider named `openai`. */
  readonly reply: Reply;
  /** Decides how each call of the tables ends. @default all pass */
  readonly decide?: (call: TableCall) => Fate;
  /** True for a transaction that meets another. @default none does */
  readonly isConflicting?: () => boolean;
}

export interface ProxiedGateway {
  readonly gateway: TestGateway;
  readonly provider: FakeProvider;
  readonly proxy: TableProxy;
  close(graceMs?: number): Promise<void>;
}

/** Starts provider, tables, proxy and gateway; `close` ends them in the reverse order. */
export async function startProxiedGateway({
  reply,
  decide,
  isConflicting = () => false,
  ...options
}: ProxiedGatewayOptions): Promise<ProxiedGateway> {
  const provider = await startFakeProvider(reply);
  const tables = await startDynamoDb({ isConflicting });
  const proxy = await startTableProxy(tables.url, decide);
  const gateway = await startTestGateway({
    ...options,
    providerUrls: { openai: provider.url },
    variables: { AWS_ENDPOINT_URL_DYNAMODB: proxy.url },
  });
  proxy.clear();
  return {
    gateway,
    provider,
    proxy,
    async close(graceMs) {
      await gateway.close(graceMs).catch(() => {}); // A test may have closed it.
      await proxy.close();
      await tables.close();
      await provider.close();
    },
  };
}
