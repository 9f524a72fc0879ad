import { describe, expect, test } from 'vitest';
import { listRows } from '../../cli/usage/rows.ts';
import { describeKey } from '../../core/account/key-info.ts';
import { makeModelFacts } from '../../core/proxy/model-facts.ts';
import { auditUsage } from '../../core/usage/audit/audit.ts';
import { reportUsage } from '../../core/usage/report.ts';
import { completion, usageOf } from '../support/fake-provider.ts';
import { makeMemoryUsage } from '../support/memory-usage.ts';
import { makeMemoryWallets } from '../support/memory-wallets.ts';
import { MODEL_NAMES } from '../support/model-names.ts';
import { ask, CAPPED, makeProxy } from '../support/proxy-fixtures.ts';
import { KEY_ID, makeGrant, NOW_MS, userGrant } from '../support/wallet-fixtures.ts';

const DAY_MS = 86_400_000;

/** Serves a request with a cap of 100 tokens, a thousand nano-dollars each; the provider bills this many. */
async function serveOne(outputTokens: number | undefined, grant = CAPPED) {
  const wallets = makeMemoryWallets();
  const usage = makeMemoryUsage();
  const usageOfAnswer = outputTokens === undefined ? undefined : usageOf(9, outputTokens);
  const proxy = makeProxy(
    {
      headers: { 'content-type': 'application/json' },
      reads: [completion('x', usageOfAnswer)],
    },
    { wallets, usage },
  );
  await proxy.serve(ask({ max_tokens: 100 }), grant);
  return { proxy, wallets, usage };
}

// guarantee: overrun-seen
describe('a request that costs more than it held', () => {
  test('is a warn line of the log, and no other request is', async () => {
    const { proxy } = await serveOne(250);
    expect(proxy.log).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        event: 'overrun',
        overrunNanoUsd: 150_000n,
        model: 'openai/m',
        keyId: 'k',
      }),
    );
    const { proxy: other } = await serveOne(100);
    expect(other.log.map(({ event }) => event)).toEqual(['request']);
  });

  test('is in the column of a usage report', async () => {
    const { usage } = await serveOne(250);
    const { total } = await reportUsage(
      { keyId: KEY_ID, fromMs: NOW_MS - DAY_MS, toMs: NOW_MS + DAY_MS, groupBy: [] },
      { usage: { ...usage, readRollups: async () => ({ entries: [] }) } },
    );
    expect([total.costNanoUsd, total.overrunNanoUsd]).toEqual([250_000n, 150_000n]);
  });

  test('is in GET /v1/key, as far as it passes a limit', async () => {
    const grant = makeGrant(['token:usd:total=0.0001', 'user:usd:day=0.00012']);
    const { proxy, wallets } = await serveOne(250, grant);
    const { data } = await describeKey(grant, {
      ...{ wallets, clock: proxy.ports.clock },
      models: { names: MODEL_NAMES },
    });
    expect(data.overrun).toBe(0.00015);
    expect(data.limit_remaining).toBe(0);
    const bob = await describeKey(userGrant('bob', 'user:usd:day=1'), {
      ...{ wallets, clock: proxy.ports.clock },
      models: { names: MODEL_NAMES },
    });
    expect(bob.data.overrun).toBe(0);
  });

  test('is a finding of the audit', async () => {
    const { proxy, wallets, usage } = await serveOne(250);
    const ports = { wallets, usage, clock: proxy.ports.clock };
    const found = await auditUsage({ keyId: KEY_ID, createdAtMs: NOW_MS - DAY_MS }, ports);
    expect(found.differences).toEqual([]);
    expect(
      found.overruns.map(({ requestId, overrunNanoUsd }) => [requestId, overrunNanoUsd]),
    ).toEqual([['r1', 150_000n]]);
  });
});

// guarantee: passed-window
describe('input billed above a model’s context window', () => {
  test('is an overrun, and the window bounds nothing in this process any more', async () => {
    const modelFacts = makeModelFacts();
    const imageOf = (proxy: ReturnType<typeof makeProxy>) =>
      proxy.serve(
        ask({
          model: 'openai/windowed',
          messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: URL } }] }],
          max_tokens: 100,
        }),
      );
    const URL = 'https://example.com/a.png';
    const makeWith = (inputTokens: number, facts = modelFacts) =>
      makeProxy(
        {
          headers: { 'content-type': 'application/json' },
          reads: [completion('x', usageOf(inputTokens, 4))],
        },
        { modelFacts: facts },
      );
    await imageOf(makeWith(1_000));
    const passing = makeWith(1_001);
    await imageOf(passing);
    expect(passing.log).toContainEqual(
      expect.objectContaining({ level: 'warn', event: 'overrun' }),
    );
    await expect(imageOf(makeWith(9))).rejects.toMatchObject({ code: 'invalid_request' });
    expect((await imageOf(makeWith(9, makeModelFacts()))).status).toBe(200);
  });
});

describe('usage --estimated', () => {
  test('lists the requests of its span whose provider reported nothing', async () => {
    const listed = async (outputTokens: number | undefined, fromMs: number) => {
      const { usage } = await serveOne(outputTokens);
      const ask = { fromMs, toMs: NOW_MS + DAY_MS, readsMax: 9 };
      const { rows } = await listRows([{ id: KEY_ID }], ask, usage);
      return rows.map(({ status, cost }) => [status, cost.usd]);
    };
    expect(await listed(undefined, NOW_MS)).toEqual([['estimated', 100_000n]]);
    expect(await listed(undefined, NOW_MS + 1)).toEqual([]);
    expect(await listed(4, NOW_MS)).toEqual([]);
  });

  test('stops at its bound of reads, and says so', async () => {
    const { usage } = await serveOne(undefined);
    const ask = { fromMs: NOW_MS - 9 * DAY_MS, toMs: NOW_MS + DAY_MS, readsMax: 3 };
    expect(await listRows([{ id: KEY_ID }], ask, usage)).toEqual({ rows: [], truncated: true });
  });
});
