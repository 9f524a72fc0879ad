import { describe, expect, test } from 'vitest';
import { runHere } from '../support/hallpass-command.ts';
import { startAtNoon } from '../support/noon.ts';

startAtNoon();

const cost = async (...args: string[]) => {
  const { stdout } = await runHere(['cost', ...args, '--json']);
  return JSON.parse(stdout);
};

const partsOf = (parts: readonly { part: string; usd: number }[]) =>
  Object.fromEntries(parts.map(({ part, usd }) => [part, Number(usd.toFixed(2))]));

describe('cost', () => {
  // guarantee: idle-cost
  test('without requests is that of secrets, alarms, the dashboard and the sweep', async () => {
    const { idle, traffic } = await cost();
    expect(partsOf(idle)).toEqual({ secrets: 1.2, alarms: 1.2, dashboard: 3, sweep: 0.01 });
    expect(Object.values(partsOf(traffic)).every((usd) => usd === 0)).toBe(true);
  });

  test('of a million answers of 8 s and 800 tokens is this, by part', async () => {
    const made = await cost('--requests', '1e6', '--seconds', '8', '--tokens', '800');
    expect(partsOf(made.traffic)).toEqual({
      'API Gateway': 3.5,
      'Lambda, time': 27,
      'Lambda, requests': 0.4,
      DynamoDB: 2,
      'DynamoDB, storage': 0.32,
      logs: 1.25,
      metrics: 3,
      transfer: 18,
    });
    expect(made.streams_at_peak).toBe(16);
  });

  test('prints each formula, and where its prices come from', async () => {
    const { stdout } = await runHere(['cost', '--requests', '1000']);
    expect(stdout).toContain('requests × 3.5 a million');
    expect(stdout).toContain('list prices of us-east-1, found on 2026-11-29');
  });

  test('refuses what is no number', async () => {
    const { status, stderr } = await runHere(['cost', '--requests', 'many']);
    expect(status).toBe(2);
    expect(stderr).toContain('It must be a number from 0 to 1e12, got "many".');
  });
});
