/**
 * Requests of the functions in sandboxes: the first one of a process, warm ones, and the first byte of a stream. The
 * client, a small API Gateway, the tables and the provider are outside the functions' shares.
 */
import path from 'node:path';
import { config } from '#config';
import type { Variables } from '../adapters/aws/environment.ts';
import { signScopedToken } from '../core/tokens/scoped-token.ts';
import { makeFunctions } from '../local/functions.ts';
import { startLocalGateway } from '../local/gateway.ts';
import { startChild } from './child.ts';
import { load, median, percentile, type Target } from './load.ts';
import { bufferedBy, Sandbox, streamingBy, type TakeAnswer } from './sandbox.ts';
import type { ProcessorShare } from './share.ts';
import { OTHER_CORE } from './targets.ts';

const PROCESSES = 5;
const WARM_UP = 30;
const WARM_REQUESTS = 200;
const STREAMS = 5;
const TIMEOUT_MS = 60_000;
const TOKEN_SECONDS = 86_400;

/** Times in milliseconds by the clock. */
export interface RequestFigures {
  /** The first request of a process. */
  readonly firstMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  /** Processor time of a warm request. */
  readonly cpuMs: number;
  /** The first byte of a stream. */
  readonly firstByteMs?: number;
}

/** A bundle, and the share of a processor that its process is held to. */
export interface SharedBundle {
  readonly bundle: string;
  readonly share: ProcessorShare;
}

export type MeasuredBundles = Readonly<Record<'empty' | 'authorizer' | 'proxy', SharedBundle>>;

export interface Outside {
  /** Measures each function, and `request`: a whole one through authorizer and proxy, as its client sees it. */
  measure(bundles: MeasuredBundles): Promise<ReadonlyMap<string, RequestFigures>>;
  close(): Promise<void>;
}

/** Starts the tables, the provider and the API Gateway. */
export async function startOutside(): Promise<Outside> {
  const provider = await startChild('./provider.ts', OTHER_CORE);
  const table = await startChild('./table.ts', OTHER_CORE);
  let variables: Variables = {};
  const sandboxes = new Map<string, Sandbox>();
  const times = new Map<string, number[]>();

  const run = async (name: string, event: object, take: TakeAnswer): Promise<void> => {
    const startedMs = performance.now();
    await sandboxes.get(name)?.invoke(event, take);
    times.get(name)?.push(performance.now() - startedMs);
  };
  const gateway = await startLocalGateway({
    config,
    port: 0,
    host: '127.0.0.1',
    providerUrls: { openai: String(provider.ready) },
    variables: { AWS_ENDPOINT_URL_DYNAMODB: String(table.ready), OPENAI_API_KEY: 'bench' },
    makeFunctions(settings, given) {
      variables = given;
      return {
        ...makeFunctions(settings),
        authorizer: bufferedBy((event, take) => run('authorizer', event, take)),
        proxy: streamingBy((event, take) => run('proxy', event, take)),
      };
    },
  });
  const target: Target = { url: gateway.url, credential: signToken(gateway) };
  const empty = bufferedBy((event, take) => run('empty', event, take));

  async function start(bundles: MeasuredBundles): Promise<void> {
    const set = Object.entries(variables).filter((each): each is [string, string] => !!each[1]);
    for (const [name, { bundle, share }] of Object.entries(bundles)) {
      const sandbox = new Sandbox({
        ...{ name, taskRoot: path.dirname(bundle), handler: 'index.handler', share },
        environment: Object.fromEntries(set),
        timeoutMs: TIMEOUT_MS,
      });
      sandboxes.set(name, sandbox);
      await sandbox.start();
    }
  }
  const end = async (): Promise<void> => {
    for (const sandbox of sandboxes.values()) await sandbox.end();
  };

  /** Processor time of each function so far, and of the two of a request. */
  const cpuMs = (): ReadonlyMap<string, number> => {
    const all = new Map([...sandboxes].map(([name, sandbox]) => [name, sandbox.cpuMs]));
    return all.set('request', (all.get('authorizer') ?? 0) + (all.get('proxy') ?? 0));
  };

  /** Sends requests one after the other, and returns their times. */
  async function send(count: number): Promise<ReadonlyMap<string, readonly number[]>> {
    for (const name of sandboxes.keys()) times.set(name, []);
    for (let sent = 0; sent < count; sent++) await empty.invoke({});
    const { requests } = await load(target, 'plain', count, 1);
    return new Map([...times, ['request', requests.map(({ totalNs }) => totalNs / 1e6)]]);
  }

  return {
    async measure(bundles) {
      const firsts: ReadonlyMap<string, readonly number[]>[] = [];
      try {
        for (let started = 0; started < PROCESSES; started++) {
          await end();
          await start(bundles);
          firsts.push(await send(1));
        }
        await send(WARM_UP);
        const before = cpuMs();
        const warm = await send(WARM_REQUESTS);
        const after = cpuMs();
        const streams = await load(target, 'paced', STREAMS, 1);
        const firstByteMs = median(streams.requests.map(({ firstByteNs }) => firstByteNs / 1e6));
        const figures = [...warm].map(([name, ms]) => ({
          name,
          firstMs: median(firsts.map((first) => first.get(name)?.[0] ?? 0)),
          p50Ms: median(ms),
          p95Ms: percentile(ms, 0.95),
          cpuMs: ((after.get(name) ?? 0) - (before.get(name) ?? 0)) / WARM_REQUESTS,
          ...(name === 'request' && { firstByteMs }),
        }));
        return new Map(figures.map(({ name, ...each }) => [name, each]));
      } finally {
        await end();
      }
    },
    async close() {
      await gateway.close(0);
      await table.stop();
      await provider.stop();
    },
  };
}

const signToken = ({ account, key }: { readonly account: string; readonly key: string }): string =>
  signScopedToken(
    { account, keyName: 'demo', key },
    {
      sub: account,
      exp: Math.floor(Date.now() / 1_000) + TOKEN_SECONDS,
      jti: 'bench',
      user: 'student@example.edu',
      models: ['openai/gpt-4o-mini'],
      spending_limit: 1_000,
    },
  );
