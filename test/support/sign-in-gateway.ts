/** A gateway with sign-in, whose server keys `staff` and `ci` leave each user ten dollars a week. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type ConfigInput, defineConfig } from '../../core/config.ts';
import { runHere } from './hallpass-command.ts';
import { send } from './http-client.ts';
import { startTestGateway, type TestGateway } from './local-gateway.ts';

export interface SignInGateway extends TestGateway {
  /** The URL before `/v1`, which is the issuer. */
  readonly root: string;
  readonly folder: string;
  /** Sends a form, and returns the status and the JSON. */
  post(path: string, form: Readonly<Record<string, string>>): Promise<Answered>;
  /** Runs a command on the gateway's data. */
  run(...args: readonly string[]): Promise<string>;
}

export interface Answered {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

export async function startSignInGateway(
  signIn: NonNullable<ConfigInput['signIn']>,
  /** Providers of models, by name; the URL of a server that takes its place. */
  providerUrls: Readonly<Record<string, string>> = {},
): Promise<SignInGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'hallpass-sign-in-'));
  async function run(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await runHere([...args, '--data', folder]);
    expect({ args, status, stderr }).toMatchObject({ status: 0 });
    return stdout;
  }
  for (const name of ['staff', 'ci']) {
    await run('keys', 'create', name, '--limit', 'user:usd:week=10');
    await run('sign-in', 'use-key', name);
  }
  const providers = Object.fromEntries(Object.keys(providerUrls).map((name) => [name, {}]));
  const config = defineConfig({ providers, signIn });
  const gateway = await startTestGateway({ data: folder, config, providerUrls });
  const root = gateway.url.replace(/\/v1$/, '');
  return {
    ...gateway,
    root,
    folder,
    run,
    async post(path, form) {
      const body = new URLSearchParams(form).toString();
      const { status, text } = await send(`${root}${path}`, {
        method: 'POST',
        headers: FORM,
        body,
      });
      return { status, body: JSON.parse(text) };
    },
    async close() {
      await gateway.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
