import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { hallpass, runHere } from '../support/hallpass-command.ts';
import { CALLER_ARN, type StackStandIn, startStackStandIn } from '../support/stack-stand-in.ts';

let standIn: StackStandIn;
beforeAll(async () => {
  standIn = await startStackStandIn();
  for (const [name, value] of Object.entries(standIn.variables)) vi.stubEnv(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await standIn.close();
});

const run = (...args: string[]) => hallpass(args, { cwd: tmpdir(), variables: standIn.variables });

/** Runs a command in this process, where AWS's clients read the variables too. */
const here = (...args: string[]) => runHere(args, { variables: standIn.variables });

describe('--stack', () => {
  test('uses the tables and secrets of the stack, and records the AWS identity', async () => {
    const made = await run('keys', 'create', 'course', '--stack', 'Hallpass', '--json');
    expect(made.status).toBe(0);
    const { key, account } = JSON.parse(made.stdout);
    expect(key).toMatch(/^sk-hp-/);
    // A hash of the deployment, as the stack's functions work it out.
    expect(account).toMatch(/^acct_[A-Za-z0-9]{16}$/);
    expect(account).not.toBe(standIn.gateway.account);
    const shown = await run('keys', 'show', 'course', '--audit', '--stack', 'Hallpass', '--json');
    expect(JSON.parse(shown.stdout)).toMatchObject({
      account,
      // The stack's default, not the folder's.
      limits: ['user:requests:day=7'],
      audit: [{ action: 'create', by: CALLER_ARN }],
    });
    expect(standIn.asked.splice(0)).toEqual([
      'DescribeStacks Hallpass',
      'GetTemplate Hallpass',
      'GetCallerIdentity',
      'DescribeStacks Hallpass',
      'GetTemplate Hallpass',
    ]);
  });

  test('lists, changes, rotates, explains and disables keys, and records each change', async () => {
    const there = async (...args: string[]) => {
      const { status, stdout, stderr } = await here(...args, '--stack', 'Hallpass', '--json');
      return { status, stderr, json: stdout === '' ? undefined : JSON.parse(stdout) };
    };
    const { json: made } = await there('keys', 'create', 'life', '--identity-header');
    const set = await there('keys', 'set', 'life', '--limit', 'user:usd:week=5');
    expect(set.json).toMatchObject({ id: made.id, limits: ['user:usd:week=5'] });
    const { json: rotated } = await there('keys', 'rotate', 'life', '--overlap', '2h');
    expect(rotated.key).not.toBe(made.key);
    for (const { key } of [made, rotated]) {
      const header = ['--header', 'X-User-Email: ada@example.edu'];
      const { status, json } = await there('explain', key, ...header);
      expect({ status, passed: json.passed }).toEqual({ status: 0, passed: true });
    }
    const names = (await there('keys', 'list')).json.map(({ name }: { name: string }) => name);
    expect(names).toEqual(['course', 'life']);
    expect((await there('keys', 'disable', 'life')).json).toMatchObject({ changed: true });
    expect(await there('explain', rotated.key)).toMatchObject({
      status: 1,
      stderr: 'hallpass: refused with 401 invalid_api_key: key\n',
    });
    const { audit } = (await there('keys', 'show', 'life', '--audit')).json;
    const rows = audit.map(({ action, by }: Record<string, string>) => [action, by]);
    expect(rows).toEqual(
      ['disable', 'rotate', 'set', 'create'].map((action) => [action, CALLER_ARN]),
    );
  });

  test('refuses a key set on this machine', async () => {
    const verifier = ['--jwks-url', 'http://127.0.0.1:9/jwks', '--any-audience'];
    const args = ['keys', 'create', 'own', '--client-access', ...verifier, '--stack', 'Hallpass'];
    expect(await here(...args)).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('"--jwks-url" must be an https URL'),
    });
  });

  test('passes on the words of AWS for a missing stack, and refuses a stack that is no gateway', async () => {
    expect(await here('keys', 'list', '--stack', 'Gone')).toEqual({
      status: 1,
      stdout: '',
      stderr:
        'hallpass: the stack "Gone" cannot be used: Stack with id Gone does not exist (ValidationError)\n',
    });
    expect(await here('keys', 'list', '--stack', 'Other')).toEqual({
      status: 1,
      stdout: '',
      stderr: `hallpass: the stack "Other" cannot be used: it has no output "KeysTable", so it is not a gateway's stack\n`,
    });
  });
});
