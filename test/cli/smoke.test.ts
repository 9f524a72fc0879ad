import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAwsService } from '../support/aws-service.ts';
import { runHere } from '../support/hallpass-command.ts';
import { startTestGateway, type TestGateway } from '../support/local-gateway.ts';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway.close());

const smoke = async (url: string, key: string) => {
  const variables = { HALLPASS_KEY: key };
  const { status, stdout, stderr } = await runHere(['smoke', '--url', url, '--json'], {
    variables,
  });
  const checks: readonly { check: string; state: string; found: string }[] =
    JSON.parse(stdout).checks;
  return { status, stderr, checks, states: checks.map(({ state }) => state) };
};

describe('smoke', () => {
  test('passes a gateway that works, and says what it could not check', async () => {
    expect(await smoke(gateway.url, gateway.key)).toMatchObject({
      status: 0,
      stderr: '',
      states: [
        'passed',
        'passed',
        'passed',
        'passed',
        'passed',
        'passed',
        'passed',
        'skipped',
        'passed',
        'passed',
      ],
    });
  });

  test('fails a server that answers all the same, and its message holds no key', async () => {
    const server = await startAwsService((response) => response.writeHead(200).end('{}'));
    const { status, stderr, checks, states } = await smoke(`${server.url}/v1`, 'sk-hp-secret');
    await server.close();
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/^hallpass: \d of 10 checks failed\n$/),
    });
    expect(states.slice(0, 4)).toEqual(['failed', 'failed', 'failed', 'failed']);
    expect(checks.find(({ check }) => check === 'a client that leaves is billed')).toMatchObject({
      state: 'failed',
      found: 'the answer is no stream, its type is none',
    });
  });

  test.each([
    [['smoke', '--url', 'http://127.0.0.1:1/v1'], 'HALLPASS_KEY must be set to a server key'],
    [['smoke'], "required option '--url <url>' not specified"],
  ])('refuses %j', async (args, message) => {
    const { status, stderr } = await runHere(args);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });
});
