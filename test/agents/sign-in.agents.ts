/**
 * Agents that sign in by themselves, with the real binaries, at a gateway with sign-in and a real OpenID provider.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CLIENT_ID, type LocalProvider, startLocalProvider } from '../support/local-provider.ts';
import { type SignInGateway, startSignInGateway } from '../support/sign-in-gateway.ts';
import { makeVisitor } from '../support/web-visitor.ts';
import { AGENTS, PROMPT } from './agents.ts';
import { LAST_TEXT, SHELL } from './answers.ts';
import { startStandIn } from './stand-in.ts';
import { commandOf, runAgent } from './turn.ts';

let provider: LocalProvider;
let gateway: SignInGateway;
let models: Awaited<ReturnType<typeof startStandIn>>;
let browser: Server;
/** The addresses that agents opened. */
const opened: string[] = [];

beforeAll(async () => {
  provider = await startLocalProvider(() => `${gateway.root}/oauth/callback`);
  models = await startStandIn(SHELL);
  gateway = await startSignInGateway(
    { issuer: provider.issuer, clientId: CLIENT_ID, key: 'staff' },
    { anthropic: `${models.origin}/v1` },
  );
  browser = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://127.0.0.1').searchParams.get('url') ?? '';
    opened.push(url);
    void approve(url).finally(() => response.end());
  });
  await new Promise<void>((resolve) => browser.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  browser?.close();
  await gateway?.close();
  await provider?.close();
  await models?.close();
});

/** Signs in, presses the button, and follows the link back to the agent. */
async function approve(url: string): Promise<void> {
  const visitor = makeVisitor();
  const confirm = await visitor.visit(url);
  expect(confirm.text).toContain('Codex on this computer');
  const ticket = /name="ticket" value="([\w-]+)"/.exec(confirm.text)?.[1] ?? '';
  const done = await visitor.submit(`${gateway.root}/oauth/authorize`, {
    ticket,
    decision: 'allow',
  });
  const back = /href="(http:[^"]+)"/.exec(done.text)?.[1] ?? '';
  await visitor.visit(back.replaceAll('&amp;', '&'));
}

/** The program by which agents open a browser. */
const toOpener = (): string => {
  const { port } = browser.address() as AddressInfo;
  const ask = `fetch('http://127.0.0.1:${port}/?url=' + encodeURIComponent(process.argv[1]))`;
  return `#!/bin/sh\nexec '${process.execPath}' -e "${ask}" "$1"\n`;
};

const toCodexConfig = (): string => `
model_provider = "hallpass"
model = "demo/echo"

[model_providers.hallpass]
name = "Hallpass"
base_url = "${gateway.url}"

[model_providers.hallpass.gateway_oauth]
authorization_url = "${gateway.root}/oauth/authorize"
device_authorization_url = "${gateway.root}/oauth/device_authorization"
token_url = "${gateway.root}/oauth/token"
client_id = "codex"
scopes = ["inference"]
credentials_store = "file"
`;

/** The shell's command that runs an agent, for a minute at most. */
function quote(name: string, args: readonly string[]): string {
  const agent = AGENTS.find((other) => other.name === name);
  if (agent === undefined) throw new Error(`no agent is named "${name}"`);
  return ['timeout', '60', ...commandOf(agent, args)].map((word) => `'${word}'`).join(' ');
}

test('Codex signs in with a browser at its first turn, and needs none at its second', async () => {
  const quoted = quote('codex', ['exec', '--skip-git-repo-check', 'Say when you are done.']);
  const turn = await runAgent({
    command: ['sh', '-c', `${quoted} && ${quoted}`],
    variables: { BROWSER: 'browser' },
    files: { '.codex/config.toml': toCodexConfig(), 'bin/browser': toOpener() },
  });
  expect(turn).toMatchObject({ status: 0 });
  expect(turn.stdout.match(/Say when you are done\./g)).toHaveLength(2);
  expect(opened).toHaveLength(1);
});

test('OpenCode logs in by running "hallpass token", and sends what that printed', async () => {
  const asked = `[ "$*" = "token --url ${gateway.root}" ]`;
  const login = quote('opencode-chat', ['auth', 'login', gateway.root]);
  const model = 'anthropic/claude-sonnet-4-5';
  const run = quote('opencode-chat', ['run', '--model', model, PROMPT]);
  const turn = await runAgent({
    command: ['sh', '-c', `${login} && ${run}`],
    variables: { OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_LSP_DOWNLOAD: '1' },
    files: { 'bin/hallpass': `#!/bin/sh\n${asked} && echo ${gateway.newToken()}\n` },
  });
  expect(turn).toMatchObject({ status: 0, stdout: expect.stringContaining(LAST_TEXT) });
});
