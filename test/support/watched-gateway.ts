/**
 * A gateway that is watched: its functions write metrics into their log, and what AWS itself counts is counted as AWS
 * documents it. Time passes in periods of the alarms.
 * https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
 */
import type { Template } from 'aws-cdk-lib/assertions';
import { makeLog } from '../../adapters/log.ts';
import { defineConfig } from '../../core/config.ts';
import { makeFunctions } from '../../local/functions.ts';
import { alarmsAt, type Datum, readMetrics } from './cloudwatch.ts';
import { completion, type FakeProvider, jsonReply, type Reply, usageOf } from './fake-provider.ts';
import { type Answer, send } from './http-client.ts';
import { startProxiedGateway } from './proxied-gateway.ts';
import type { Fate, TableCall } from './table-proxy.ts';

const STACK = 'Hallpass';
const PERIOD_MS = 300_000;
/** 2026-11-20T12:00:00Z, the start of a period. */
const START_MS = 1_795_176_000_000;

type FunctionName = 'authorizer' | 'proxy' | 'account' | 'sweep';

export interface WatchedGateway {
  readonly provider: FakeProvider;
  /** Invocations at once of a function, as reserved or left in the account. @default no limit */
  readonly concurrencyMax: Partial<Record<FunctionName, number>>;
  /** Sets how calls of the tables end from now on. */
  decide(fate: ((call: TableCall) => Fate) | undefined): void;
  /** Asks for one completion, of at most 16 tokens. @param credential one that has a limit of 1 USD by default */
  ask(credential?: string): Promise<Answer>;
  /** Runs the sweep, as its schedule does. A failure is counted, and nobody hears of it. */
  sweep(): Promise<void>;
  /** Ends the period, and returns the alarms that are on at its end. */
  endPeriod(): readonly string[];
  /** Forgets what was counted, and lets everything be well again. */
  heal(): void;
  close(): Promise<void>;
}

export const GOOD_REPLY: Reply = jsonReply(completion('four', usageOf(1, 4)));

/** @param template the stack's, with its alarms */
export async function startWatchedGateway(template: Template): Promise<WatchedGateway> {
  let data: Datum[] = [];
  let nowMs = START_MS;
  let fateOf: ((call: TableCall) => Fate) | undefined;
  const concurrencyMax: WatchedGateway['concurrencyMax'] = {};
  const running: Record<FunctionName, number> = { authorizer: 0, proxy: 0, account: 0, sweep: 0 };
  const count = (service: string, name: string, value: number, dimensions: Datum['dimensions']) => {
    data.push({ namespace: `AWS/${service}`, name, value, dimensions, atMs: nowMs });
  };
  const ids = findIds(template);
  const log = makeLog((line) => data.push(...readMetrics(line)), {
    gateway: STACK,
    nowMs: () => nowMs,
  });

  /** A throttled invocation is no invocation and no error. */
  const invoke = async <T>(name: FunctionName, act: () => Promise<T>): Promise<T> => {
    const by = { FunctionName: ids.functions[name] };
    const isThrottled = running[name] >= (concurrencyMax[name] ?? Number.POSITIVE_INFINITY);
    count('Lambda', 'Throttles', isThrottled ? 1 : 0, by);
    if (isThrottled) throw new Error('TooManyRequestsException');
    running[name] += 1;
    count('Lambda', 'Invocations', 1, by);
    try {
      const result = await act();
      count('Lambda', 'Errors', 0, by);
      return result;
    } catch (error) {
      count('Lambda', 'Errors', 1, by);
      throw error;
    } finally {
      running[name] -= 1;
    }
  };

  const { gateway, provider, close } = await startProxiedGateway({
    config: defineConfig({
      providers: { openai: {} },
      prices: { 'openai/m': { inputUsdPerMillion: 0, outputUsdPerMillion: 10 } },
    }),
    reply: GOOD_REPLY,
    decide(call) {
      const fate = fateOf?.(call) ?? 'pass';
      if (fate === 'throttle') {
        const table = ids.tables[call.table] ?? call.table;
        count('DynamoDB', 'ThrottledRequests', 1, { TableName: table, Operation: call.operation });
      }
      return fate;
    },
    makeFunctions(settings) {
      const { authorizer, proxy, account, sweep } = makeFunctions(settings, log);
      return {
        authorizer: { invoke: (event) => invoke('authorizer', () => authorizer.invoke(event)) },
        proxy: {
          invoke: (event, output) => invoke('proxy', () => proxy.invoke(event, output)),
        },
        account: { invoke: (event) => invoke('account', () => account.invoke(event)) },
        sweep: () => invoke('sweep', sweep),
      };
    },
  });
  const ownCredential = gateway.sign({ jti: 'watched', spending_limit: 1 });
  return {
    provider,
    concurrencyMax,
    decide(fate) {
      fateOf = fate;
    },
    async ask(credential = ownCredential) {
      const answer = await send(`${gateway.url}/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'openai/m',
          messages: [{ role: 'user', content: 'x' }],
          max_tokens: 16,
        }),
      });
      const by = { ApiName: STACK };
      count('ApiGateway', 'Count', 1, by);
      count('ApiGateway', '5XXError', answer.status >= 500 ? 1 : 0, by);
      return answer;
    },
    sweep: () => gateway.sweep().catch(() => {}),
    endPeriod() {
      nowMs += PERIOD_MS;
      return alarmsAt(template, data, nowMs);
    },
    heal() {
      data = [];
      fateOf = undefined;
      for (const name of Object.keys(running)) delete concurrencyMax[name as FunctionName];
      provider.reply(GOOD_REPLY);
    },
    close: () => close(100),
  };
}

/** Returns the logical ids of functions and tables, which stand for their names. */
function findIds(template: Template) {
  const functions = Object.entries(template.findResources('AWS::Lambda::Function'));
  const tables = Object.keys(template.findResources('AWS::DynamoDB::Table'));
  const idOf = (name: FunctionName): string =>
    functions.find(([, { Properties }]) => Properties.Description === `Hallpass ${name}`)?.[0] ??
    '';
  const tableOf = (start: string): string => tables.find((id) => id.startsWith(start)) ?? '';
  return {
    functions: {
      authorizer: idOf('authorizer'),
      proxy: idOf('proxy'),
      account: idOf('account'),
      sweep: idOf('sweep'),
    },
    tables: {
      'hallpass-keys': tableOf('TablesKeys'),
      'hallpass-wallets': tableOf('TablesWallets'),
      'hallpass-usage': tableOf('TablesUsage'),
    } as Readonly<Record<string, string>>,
  };
}
