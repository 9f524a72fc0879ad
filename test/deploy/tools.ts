/**
 * The tools that an operator has, pointed at the emulator: the CDK's command, `hallpass`, and calls of AWS.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Emulator } from './emulator.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Longer than any step takes on a busy machine. */
const COMMAND_MS_MAX = 300_000;

export interface Life {
  readonly emulator: Emulator;
  /** For everything that is written. */
  readonly folder: string;
  /** The folder of Python's packages. */
  readonly packages: string;
  /** The base URLs of providers that the functions reach. */
  readonly providers: { readonly upstreamUrl: string; readonly silentUrl: string };
  readonly clients: {
    readonly stacks: CloudFormationClient;
    readonly tables: DynamoDBClient;
    readonly secrets: SecretsManagerClient;
  };
}

/** @throws Error with the message if it does not hold */
export function expectThat(holds: boolean, message: string): asserts holds {
  if (!holds) throw new Error(message);
}

export interface Command {
  readonly args: readonly string[];
  /** @default this repository */
  readonly cwd?: string;
  readonly input?: string;
  readonly variables?: Readonly<Record<string, string>>;
}

/**
 * Runs a command of Node to its end.
 * @returns its standard output
 * @throws Error with all that it printed if it fails
 */
export async function runNode(
  life: Pick<Life, 'emulator' | 'folder'>,
  { args, cwd = ROOT, input = '', variables = {} }: Command,
): Promise<string> {
  const child = spawn(process.execPath, ['--import', './bin/node-24.mjs', ...args], {
    cwd,
    timeout: COMMAND_MS_MAX,
    env: {
      PATH: process.env.PATH,
      HOME: life.folder,
      TMPDIR: life.folder,
      CI: 'true',
      ...life.emulator.variables,
      ...variables,
    },
  });
  child.stdin.on('error', () => {}); // It may end without reading.
  child.stdin.end(input);
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  const shown = args.map((arg) => arg.replace(ROOT, '')).join(' ');
  expectThat(status === 0, `${shown} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

const CDK = 'node_modules/aws-cdk/bin/cdk';
/** The app, as the CDK's command runs it. */
const appOf = (module: string): string =>
  `${process.execPath} --import ./bin/node-24.mjs ${module}`;

export interface Synthesis {
  /** The name of the folder that it is written to. */
  readonly name: string;
  readonly stacks: readonly string[];
  readonly context?: Readonly<Record<string, string>>;
  /** @default the app of these tests */
  readonly app?: string;
  /** @default this repository */
  readonly cwd?: string;
}

/** Synthesizes stacks of an app with their bundles. Returns the folder. */
export async function synthesize(
  life: Life,
  { name, stacks, context = {}, app = 'test/deploy/app.ts', cwd = ROOT }: Synthesis,
): Promise<string> {
  const assembly = join(life.folder, name);
  const { upstreamUrl, silentUrl } = life.providers;
  const given = {
    ...{ upstream: upstreamUrl, silent: silentUrl, stacks: stacks.join(',') },
    ...context,
  };
  const pairs = Object.entries(given).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const args = [CDK, 'synth', ...stacks, '--exclusively', '--quiet', '--output', assembly];
  await runNode(life, { args: [...args, '--app', appOf(app), ...pairs], cwd });
  return assembly;
}

const CDK_FLAGS = {
  bootstrap: [],
  deploy: ['--exclusively', '--require-approval', 'never', '--progress', 'events'],
  diff: ['--exclusively', '--fail'],
  destroy: ['--exclusively', '--force'],
} as const;

/** Runs a command of the CDK on stacks of a synthesized folder, side by side where it can. */
export async function cdk(
  life: Life,
  command: keyof typeof CDK_FLAGS,
  targets: readonly string[],
  assembly?: string,
): Promise<string> {
  const app = assembly === undefined ? [] : ['--app', assembly];
  const concurrency = command === 'deploy' ? ['--concurrency', String(targets.length)] : [];
  return runNode(life, {
    args: [CDK, command, ...targets, ...CDK_FLAGS[command], ...app, ...concurrency],
  });
}

/** Runs `hallpass` and reads its JSON. */
export async function hallpass(
  life: Life,
  args: readonly string[],
  options: Omit<Command, 'args'> = {},
) {
  const output = await runNode(life, { args: ['bin/hallpass.ts', ...args, '--json'], ...options });
  return JSON.parse(output);
}
