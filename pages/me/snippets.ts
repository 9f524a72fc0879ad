/**
 * Set-up of tools, ready to be copied. A test runs them.
 */

export interface Snippet {
  readonly id: string;
  readonly label: string;
  /** The file or place it belongs in. */
  readonly place: string;
  readonly text: string;
}

export interface SnippetFacts {
  /** The gateway's URL without `/v1` and without a slash at its end. */
  readonly root: string;
  readonly model: string;
  readonly credential: string;
}

/** Quotes a text for a POSIX shell. */
const shell = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** Quotes a text for Python, TypeScript and JSON. */
const quoted = (text: string): string => JSON.stringify(text);

/** The settings that the first dialog of Gemini CLI writes. */
const GEMINI_SETTINGS = '{"security": {"auth": {"selectedType": "gemini-api-key"}}}';

const MESSAGES = '[{"role": "user", "content": "Hello"}]';

/** Makes the snippets for one credential and model. */
export function makeSnippets({ root, model, credential }: SnippetFacts): readonly Snippet[] {
  const url = `${root}/v1`;
  const body = `{"model": ${quoted(model)}, "max_tokens": 200, "stream": true, "messages": ${MESSAGES}}`;
  return [
    {
      id: 'python',
      label: 'Python',
      place: 'pip install openai',
      text: `from openai import OpenAI

client = OpenAI(
    base_url=${quoted(url)},
    api_key=${quoted(credential)},
)
answer = client.chat.completions.create(
    model=${quoted(model)},
    max_tokens=200,
    messages=${MESSAGES},
)
print(answer.choices[0].message.content)`,
    },
    {
      id: 'typescript',
      label: 'TypeScript',
      place: 'npm install openai',
      text: `import OpenAI from 'openai';

const client = new OpenAI({
  baseURL: ${quoted(url)},
  apiKey: ${quoted(credential)},
});
const answer = await client.chat.completions.create({
  model: ${quoted(model)},
  max_tokens: 200,
  messages: [{ role: 'user', content: 'Hello' }],
});
console.log(answer.choices[0]?.message.content);`,
    },
    {
      id: 'curl',
      label: 'curl',
      place: 'In a shell',
      text: `curl -N ${shell(`${url}/chat/completions`)} \\
  -H ${shell(`Authorization: Bearer ${credential}`)} \\
  -H 'Content-Type: application/json' \\
  -d ${shell(body)}`,
    },
    {
      id: 'claude',
      label: 'Claude Code',
      place: 'In a shell; the model must be one of Anthropic’s',
      text: `export ANTHROPIC_BASE_URL=${shell(root)}
export ANTHROPIC_AUTH_TOKEN=${shell(credential)}
export CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY=1
claude`,
    },
    {
      id: 'codex',
      label: 'Codex',
      place: 'In a shell; the model must speak OpenAI’s responses',
      text: `export HALLPASS_TOKEN=${shell(credential)}
codex -m ${shell(model)} -c model_provider=hallpass \\
  -c model_providers.hallpass.name=Hallpass \\
  -c ${shell(`model_providers.hallpass.base_url=${quoted(url)}`)} \\
  -c model_providers.hallpass.env_key=HALLPASS_TOKEN \\
  -c model_providers.hallpass.wire_api=responses`,
    },
    {
      id: 'opencode',
      label: 'OpenCode',
      place:
        'opencode.json in your project. Set HALLPASS_TOKEN to your pass; it stays out of the file',
      text: toOpenCode(url, model),
    },
    {
      id: 'gemini',
      label: 'Gemini CLI',
      place:
        'In a shell; the model must be one of Google’s. Without the file, Gemini CLI takes another way to sign in',
      text: `export GOOGLE_GEMINI_BASE_URL=${shell(root)}
export GEMINI_API_KEY=${shell(credential)}
mkdir -p ~/.gemini
[ -e ~/.gemini/settings.json ] || echo '${GEMINI_SETTINGS}' > ~/.gemini/settings.json
grep -q gemini-api-key ~/.gemini/settings.json || echo 'Set security.auth.selectedType to gemini-api-key in ~/.gemini/settings.json'
gemini`,
    },
    {
      id: 'variables',
      label: 'Variables',
      place: 'In a shell; most tools read these',
      text: `export OPENAI_BASE_URL=${shell(url)}
export OPENAI_API_KEY=${shell(credential)}
export ANTHROPIC_BASE_URL=${shell(root)}
export ANTHROPIC_AUTH_TOKEN=${shell(credential)}
export GOOGLE_GEMINI_BASE_URL=${shell(root)}
export GEMINI_API_KEY=${shell(credential)}`,
    },
  ];
}

const toOpenCode = (url: string, model: string): string =>
  JSON.stringify(
    {
      $schema: 'https://opencode.ai/config.json',
      model: `hallpass/${model}`,
      provider: {
        hallpass: {
          npm: '@ai-sdk/openai-compatible',
          name: 'Hallpass',
          options: { baseURL: url, apiKey: '{env:HALLPASS_TOKEN}' },
          models: { [model]: {} },
        },
      },
    },
    undefined,
    2,
  );
