/**
 * The coding agents, and how each is started on a gateway: by its own binary, with its defaults, in a folder of its own.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SHELL, TOOL_SEARCH, type ToolUse, VIEWER, WEB_SEARCH } from './answers.ts';

const FOLDER = fileURLToPath(new URL('node_modules/', import.meta.url));

/** The address for an agent's requests, and their credential. */
export interface Gateway {
  /** Without a path. */
  readonly origin: string;
  readonly credential: string;
}

export interface Agent {
  readonly name: string;
  /** Its name in test/agents/package.json. */
  readonly packageName: string;
  /** The program, below node_modules. A file that ends in `.js` is run by Node. */
  readonly program: string;
  arguments(gateway: Gateway): readonly string[];
  variables(gateway: Gateway): Readonly<Record<string, string>>;
  /** The tool that the provider's stand-in calls. */
  readonly use: ToolUse;
  /** Files of its home folder, by path. */
  files?(gateway: Gateway): Readonly<Record<string, string>>;
}

/** The prompt asks every agent to use its shell, and the stand-in for its provider makes it do so. */
export const PROMPT = 'Run the command that prints the sum.';

const CLAUDE_PACKAGE = '@anthropic-ai/claude-code-linux-x64';

function claude(name: string, variables: Readonly<Record<string, string>> = {}): Agent {
  return {
    name,
    use: SHELL,
    packageName: CLAUDE_PACKAGE,
    program: `${CLAUDE_PACKAGE}/claude`,
    arguments: () => ['--print', PROMPT, '--allowedTools', 'Bash,WebSearch'],
    variables: ({ origin, credential }) => ({
      ANTHROPIC_BASE_URL: origin,
      ANTHROPIC_AUTH_TOKEN: credential,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      ...variables,
    }),
  };
}

function codex(name: string, ...options: readonly string[]): Agent {
  return {
    name,
    use: SHELL,
    packageName: '@openai/codex',
    program: '@openai/codex/vendor/x86_64-unknown-linux-musl/bin/codex',
    arguments: ({ origin }) => [
      'exec',
      '--skip-git-repo-check',
      // The test's folder is no git repository, and its sandbox would need user namespaces.
      '--dangerously-bypass-approvals-and-sandbox',
      '--config=model_provider=hallpass',
      `--config=model_providers.hallpass={name="Hallpass", base_url="${origin}/v1", env_key="HALLPASS_TOKEN", wire_api="responses"}`,
      ...options,
      PROMPT,
    ],
    variables: ({ credential }) => ({ HALLPASS_TOKEN: credential }),
  };
}

const GEMINI: Agent = {
  name: 'gemini-cli',
  use: SHELL,
  packageName: '@google/gemini-cli',
  program: '@google/gemini-cli/bundle/gemini.js',
  arguments: () => ['--yolo', '--prompt', PROMPT],
  variables: ({ origin, credential }) => ({
    GEMINI_API_KEY: credential,
    GOOGLE_GEMINI_BASE_URL: origin,
    GEMINI_CLI_TRUST_WORKSPACE: 'true',
  }),
  files: () => ({
    '.gemini/settings.json': JSON.stringify({
      security: { auth: { selectedType: 'gemini-api-key' } },
      privacy: { usageStatisticsEnabled: false },
      general: { enableAutoUpdate: false },
    }),
  }),
};

/** OpenCode on a provider of its own list, or on one of ours by the chat dialect. */
function opencode(name: string, model: string): Agent {
  return {
    name,
    use: SHELL,
    packageName: 'opencode-linux-x64',
    program: 'opencode-linux-x64/bin/opencode',
    arguments: () => ['run', '--model', model, PROMPT],
    variables: ({ credential }) => ({
      HALLPASS_TOKEN: credential,
      OPENCODE_DISABLE_MODELS_FETCH: '1',
      OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
    }),
    files: ({ origin }) => {
      const options = { baseURL: `${origin}/v1`, apiKey: '{env:HALLPASS_TOKEN}' };
      return {
        '.config/opencode/opencode.json': JSON.stringify({
          autoupdate: false,
          share: 'disabled',
          permission: 'allow',
          provider: {
            anthropic: { options },
            openai: { options },
            hallpass: {
              npm: '@ai-sdk/openai-compatible',
              options,
              models: { 'openai/gpt-5.6': {} },
            },
          },
        }),
      };
    },
  };
}

const CLAUDE = claude('claude-code');
const CODEX = codex('codex');
const OPENCODE_MESSAGES = opencode('opencode-messages', 'anthropic/claude-sonnet-5');
const OPENCODE_RESPONSES = opencode('opencode-responses', 'openai/gpt-5.6');

/** The same agent in another turn. */
const using = (agent: Agent, use: ToolUse, suffix: string): Agent => ({
  ...agent,
  use,
  name: `${agent.name}-${suffix}`,
});

/** Each with its defaults, then with what changes the shape of its requests. */
export const AGENTS: readonly Agent[] = [
  CLAUDE,
  claude('claude-code-hour-cache', { ENABLE_PROMPT_CACHING_1H: '1' }),
  claude('claude-code-haiku', { ANTHROPIC_MODEL: 'claude-haiku-4-5' }),
  using(CLAUDE, TOOL_SEARCH, 'tool-search'),
  using(CLAUDE, VIEWER, 'picture'),
  using(claude('claude-code', { ENABLE_TOOL_SEARCH: 'false' }), WEB_SEARCH, 'search'),
  CODEX,
  codex('codex-before', '--model', 'gpt-6.1-sol'),
  codex('codex-plain-tools', '--model', 'gpt-5.5'),
  using(CODEX, VIEWER, 'picture'),
  GEMINI,
  using(GEMINI, VIEWER, 'picture'),
  using(GEMINI, WEB_SEARCH, 'search'),
  OPENCODE_MESSAGES,
  using(OPENCODE_MESSAGES, VIEWER, 'picture'),
  OPENCODE_RESPONSES,
  using(OPENCODE_RESPONSES, VIEWER, 'picture'),
  opencode('opencode-chat', 'hallpass/openai/gpt-5.6'),
];

/** The file of an agent's program. */
export const programOf = ({ program }: Agent): string => `${FOLDER}${program}`;

/** Says why the agents cannot run here; undefined: they can. */
export function findAbsent(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'Linux x64';
  return AGENTS.every((agent) => existsSync(programOf(agent)))
    ? undefined
    : 'their binaries (npm ci --prefix test/agents, 1.1 GB)';
}
