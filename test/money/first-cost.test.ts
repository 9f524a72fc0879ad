import { describe, expect, test } from 'vitest';
import type { Grant } from '../../core/access/grant.ts';
import { GatewayError } from '../../core/base/errors.ts';
import { asRequestId } from '../../core/base/ids.ts';
import { makeModelFacts } from '../../core/proxy/model-facts.ts';
import type { ProxyPorts } from '../../core/serve.ts';
import { completion, usageOf } from '../support/fake-provider.ts';
import { makeMemoryUsage } from '../support/memory-usage.ts';
import { makeMemoryWallets } from '../support/memory-wallets.ts';
import { ask, CAPPED, makeProxy, UNCAPPED } from '../support/proxy-fixtures.ts';

/** Some workers over one table. A request holds 100,000 nano-dollars. */
function makeTable() {
  const shared = { wallets: makeMemoryWallets(), usage: makeMemoryUsage() };
  let next = 0;
  const makeWorker = (overrides: Partial<ProxyPorts> = {}) => {
    const modelFacts = makeModelFacts();
    /** Serves one request; the provider bills these dollars. */
    return async (costUsd: number | undefined, grant: Grant = CAPPED, model = 'openrouter/m') => {
      next += 1;
      const cost = costUsd === undefined ? {} : { cost: costUsd };
      const proxy = makeProxy(
        {
          headers: { 'content-type': 'application/json' },
          reads: [completion('x', { ...usageOf(9, 4), ...cost })],
        },
        { ...shared, modelFacts, ...overrides },
      );
      return proxy
        .serve(ask({ model, max_tokens: 100 }), grant, asRequestId(`r${next}`))
        .then(() => 'served')
        .catch((error) => (error instanceof GatewayError ? error : Promise.reject(error)));
    };
  };
  return { makeWorker, ...shared };
}

/** A request of another worker that is in flight until `end` is called. */
async function inFlight({ makeWorker, wallets }: ReturnType<typeof makeTable>) {
  let end = (): void => undefined;
  const isEnded = new Promise<void>((resolve) => {
    end = resolve;
  });
  const isSent = new Promise<void>((resolve) => {
    const serve = makeWorker({
      wallets,
      upstream: {
        async send() {
          resolve();
          await isEnded;
          throw new GatewayError('upstream_timeout');
        },
      },
    });
    void serve(undefined, CAPPED, 'openai/m');
  });
  await isSent;
  return end;
}

// guarantee: first-cost-alone
describe('a model whose provider bills its own figure', () => {
  test('is not called beside another request of the payer until a cost of it is known', async () => {
    const table = makeTable();
    const serve = table.makeWorker();
    const end = await inFlight(table);
    const refused = await serve(0.00001);
    expect(refused).toMatchObject({ code: 'budget_in_use' });
    expect((refused as GatewayError).facts.retryAfterSeconds).toBeLessThanOrEqual(5);
    expect(await serve(undefined, CAPPED, 'openai/m')).toBe('served');
    end();
  });

  test('is called beside others once a cost was within its hold, also by a new worker', async () => {
    const table = makeTable();
    const serve = table.makeWorker();
    expect(await serve(0.00001)).toBe('served');
    const end = await inFlight(table);
    expect(await serve(0.00001)).toBe('served');
    expect(await table.makeWorker()(0.00001)).toBe('served');
    end();
  });

  test.each([
    ['a cost beyond its hold', 0.5],
    ['no cost', undefined],
  ])('stays alone after %s', async (_, costUsd) => {
    const table = makeTable();
    const serve = table.makeWorker();
    expect(await serve(costUsd)).toBe('served');
    const end = await inFlight(table);
    expect(await serve(0.00001)).toMatchObject({ code: 'budget_in_use' });
    expect(await table.makeWorker()(0.00001)).toMatchObject({ code: 'budget_in_use' });
    end();
  });

  test('stays alone if a later cost was beyond its hold', async () => {
    const table = makeTable();
    const serve = table.makeWorker();
    await serve(0.00001);
    await serve(0.5);
    const end = await inFlight(table);
    expect(await serve(0.00001)).toMatchObject({ code: 'budget_in_use' });
    end();
  });

  test('is never alone without a USD limit', async () => {
    const table = makeTable();
    const serve = table.makeWorker();
    const end = await inFlight(table);
    expect(await serve(0.00001, UNCAPPED)).toBe('served');
    end();
  });
});
