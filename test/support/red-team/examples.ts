/** Whole requests, with every member that a limit lets pass: as coding agents send them, and with other providers' fields. */
import type { SdkName } from './sdk-shapes.ts';

const PNG = 'iVBORw0KGgo=';
const MARK = { type: 'ephemeral' };
const SCHEMA = { type: 'object', properties: { path: { type: 'string', description: 'a path' } } };

/** As Claude Code sends it, with the other parts that Anthropic takes. */
export const MESSAGES_EXAMPLE = {
  model: 'claude-opus-5',
  max_tokens: 32_000,
  stream: true,
  metadata: { user_id: '{"device_id":"d1","session_id":"s1"}' },
  system: [
    { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.238' },
    { type: 'text', text: 'You are Claude Code.', cache_control: { type: 'ephemeral', ttl: '1h' } },
  ],
  thinking: { type: 'adaptive', display: 'summarized' },
  output_config: {
    effort: 'high',
    task_budget: { type: 'tokens', total: 100_000, remaining: 90_000 },
    format: { type: 'json_schema', schema: SCHEMA },
  },
  context_management: {
    edits: [
      { type: 'clear_thinking_20251015', keep: { type: 'thinking_turns', value: 2 } },
      {
        type: 'clear_tool_uses_20250919',
        trigger: { type: 'input_tokens', value: 90_000 },
        keep: { type: 'tool_uses', value: 3 },
        clear_at_least: { type: 'input_tokens', value: 5_000 },
        exclude_tools: ['Read'],
        clear_tool_inputs: ['Bash'],
      },
    ],
  },
  tools: [
    {
      name: 'Bash',
      description: 'runs a command',
      input_schema: SCHEMA,
      strict: true,
      eager_input_streaming: true,
      input_examples: [{ path: '/tmp' }],
      cache_control: MARK,
    },
    { name: 'mcp__wiki', input_schema: SCHEMA, defer_loading: true, type: 'custom' },
    { type: 'text_editor_20250728', name: 'str_replace_based_edit_tool', max_characters: 9_000 },
    { type: 'computer_20251124', name: 'computer', display_width_px: 800, display_height_px: 600 },
  ],
  tool_choice: { type: 'tool', name: 'Bash', disable_parallel_tool_use: true },
  temperature: 1,
  top_k: 5,
  stop_sequences: ['STOP'],
  service_tier: 'auto',
  messages: [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'What is here?', cache_control: MARK },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } },
        {
          type: 'document',
          source: { type: 'text', media_type: 'text/plain', data: 'a plain document' },
          title: 'notes',
          context: 'of the course',
          citations: { enabled: true },
        },
        {
          type: 'document',
          source: { type: 'content', content: [{ type: 'text', text: 'a part of a document' }] },
        },
        {
          type: 'search_result',
          source: 'wiki/page',
          title: 'a page',
          content: [{ type: 'text', text: 'what the page says' }],
          citations: { enabled: true },
        },
      ],
    },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'I should look.', signature: 'EqQBCkYIBRgC' },
        { type: 'redacted_thinking', data: 'EmwKAhgBEgy3va3' },
        {
          type: 'text',
          text: 'As the document says.',
          citations: [
            {
              type: 'char_location',
              cited_text: 'a plain',
              document_index: 0,
              document_title: 'notes',
              start_char_index: 0,
              end_char_index: 7,
            },
          ],
        },
        { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'ls -la' } },
      ],
    },
    {
      role: 'user',
      content: [
        {
          type: 'tool_result',
          tool_use_id: 'toolu_1',
          is_error: false,
          content: [
            { type: 'text', text: 'file.txt' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: `${PNG}x` } },
            { type: 'tool_reference', tool_name: 'mcp__wiki' },
          ],
        },
      ],
    },
    { role: 'system', content: 'A reminder in the middle.' },
  ],
};

const FUNCTION = {
  type: 'function',
  name: 'shell',
  description: 'runs a command in a shell',
  parameters: SCHEMA,
  strict: false,
};

/** As Codex sends it, with the items that it sends back. */
export const RESPONSES_EXAMPLE = {
  model: 'gpt-5.6',
  instructions: 'You are a coding agent.',
  input: [
    { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Be brief.' }] },
    {
      type: 'message',
      role: 'user',
      content: [
        { type: 'input_text', text: 'What is here?' },
        { type: 'input_image', image_url: `data:image/png;base64,${PNG}`, detail: 'auto' },
      ],
    },
    {
      type: 'reasoning',
      id: 'rs_1',
      summary: [{ type: 'summary_text', text: 'I look.' }],
      content: [{ type: 'reasoning_text', text: 'I should look.' }],
      encrypted_content: 'gAAAAABo',
    },
    { type: 'function_call', name: 'shell', arguments: '{"command":"ls"}', call_id: 'call_1' },
    { type: 'function_call_output', call_id: 'call_1', output: 'file.txt' },
    {
      type: 'custom_tool_call',
      call_id: 'call_2',
      name: 'apply_patch',
      input: '*** Begin Patch',
      status: 'completed',
    },
    {
      type: 'custom_tool_call_output',
      call_id: 'call_2',
      output: [{ type: 'input_text', text: 'patched' }],
    },
    {
      type: 'local_shell_call',
      call_id: 'call_3',
      status: 'completed',
      action: {
        type: 'exec',
        command: ['bash', '-lc', 'pwd'],
        env: { LANG: 'C' },
        working_directory: '/work',
        timeout_ms: 1_000,
      },
    },
    {
      type: 'web_search_call',
      status: 'completed',
      action: { type: 'search', query: 'a query', queries: ['another query'] },
    },
    { type: 'tool_search_call', call_id: 'call_4', execution: 'client', arguments: { query: 'q' } },
    { type: 'tool_search_output', call_id: 'call_4', execution: 'client', tools: [FUNCTION] },
    { type: 'image_generation_call', id: 'ig_1', status: 'completed', result: `${PNG}z` },
    { type: 'compaction', encrypted_content: 'gAAAAABp' },
    { type: 'configuration_update', reasoning: { effort: 'high' } },
    {
      type: 'message',
      role: 'assistant',
      content: [
        {
          type: 'output_text',
          text: 'Done.',
          annotations: [
            {
              type: 'url_citation',
              url: 'https://x.edu',
              title: 't',
              start_index: 0,
              end_index: 1,
            },
          ],
        },
      ],
    },
  ],
  tools: [
    FUNCTION,
    {
      type: 'custom',
      name: 'apply_patch',
      description: 'changes files',
      format: { type: 'grammar', syntax: 'lark', definition: 'start: "x"' },
    },
    {
      type: 'namespace',
      name: 'mcp__wiki',
      description: 'a wiki',
      tools: [{ ...FUNCTION, name: 'search_pages', defer_loading: true }],
    },
    { type: 'tool_search', execution: 'client', description: 'finds tools', parameters: SCHEMA },
    { type: 'local_shell' },
    { type: 'web_search', external_web_access: false },
    { type: 'image_generation' },
  ],
  tool_choice: 'auto',
  parallel_tool_calls: true,
  reasoning: { effort: 'medium', summary: 'auto', context: 'all_turns' },
  text: {
    verbosity: 'low',
    format: { type: 'json_schema', name: 'answer', schema: SCHEMA, strict: true },
  },
  store: false,
  stream: true,
  stream_options: { include_obfuscation: false },
  include: ['reasoning.encrypted_content'],
  prompt_cache_key: 'a-conversation',
  client_metadata: { 'x-codex-turn-metadata': '{"turn_id":"t1"}' },
  access_programs: { cyber: 'standard' },
  metadata: { course: 'algebra' },
  truncation: 'disabled',
  service_tier: 'auto',
  max_tool_calls: 9,
};

/** With the fields of OpenAI and of the other providers that speak this dialect. */
export const CHAT_EXAMPLE = {
  model: 'gpt-5.6',
  max_tokens: 900,
  n: 2,
  stream: true,
  stream_options: { include_usage: true },
  temperature: 0.5,
  seed: 7,
  stop: ['STOP'],
  logit_bias: { 50256: -100 },
  user: 'ada',
  metadata: { course: 'algebra' },
  service_tier: 'auto',
  prompt_cache_key: 'a-conversation',
  reasoning_effort: 'low',
  reasoning: { max_tokens: 200, exclude: true },
  chat_template_kwargs: { enable_thinking: true },
  extra_body: { google: { thinking_config: { include_thoughts: true } } },
  prediction: { type: 'content', content: 'what it may answer' },
  response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: SCHEMA } },
  tools: [
    { type: 'function', function: { name: 'shell', description: 'runs', parameters: SCHEMA } },
    { type: 'custom', custom: { name: 'patch', description: 'patches', format: { type: 'text' } } },
  ],
  tool_choice: { type: 'function', function: { name: 'shell' } },
  messages: [
    { role: 'developer', content: 'Be brief.', cache_control: MARK },
    {
      role: 'user',
      name: 'ada',
      content: [
        { type: 'text', text: 'What is here?', cache_control: { type: 'ephemeral', ttl: '1h' } },
        { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}`, detail: 'low' } },
        { type: 'image_url', image_url: `data:image/png;base64,${PNG}y` },
      ],
    },
    {
      role: 'assistant',
      content: [
        { type: 'text', text: 'I look.' },
        { type: 'refusal', refusal: 'No.' },
      ],
      reasoning_content: 'I should look.',
      reasoning_details: [{ type: 'reasoning.text', text: 'thought', signature: 'sig', id: 'r1' }],
      tool_calls: [
        {
          id: 'call_1',
          type: 'function',
          function: { name: 'shell', arguments: '{"command":"ls"}' },
          extra_content: { google: { thought_signature: 'CsIB' } },
        },
      ],
      annotations: [
        {
          type: 'url_citation',
          url_citation: { url: 'https://x.edu', title: 't', start_index: 0, end_index: 1 },
        },
      ],
    },
    { role: 'tool', tool_call_id: 'call_1', content: 'file.txt' },
  ],
};

export const GOOGLE_EXAMPLE = {
  contents: [
    {
      role: 'user',
      parts: [
        { text: 'What is here?' },
        { inlineData: { mimeType: 'image/png', data: PNG } },
        { inline_data: { mime_type: 'text/plain', data: 'YSBwbGFpbiB0ZXh0' } },
      ],
    },
    {
      role: 'model',
      parts: [
        { text: 'I should look.', thought: true },
        {
          functionCall: { id: 'c1', name: 'shell', args: { command: 'ls' } },
          thoughtSignature: 'CsIB',
        },
        { executableCode: { code: 'print(1)', language: 'PYTHON' } },
        { codeExecutionResult: { outcome: 'OUTCOME_OK', output: '1' } },
      ],
    },
    {
      role: 'user',
      parts: [
        {
          functionResponse: {
            id: 'c1',
            name: 'shell',
            response: { output: 'file.txt' },
            parts: [{ inlineData: { mimeType: 'image/png', data: `${PNG}x` } }],
          },
        },
      ],
    },
  ],
  systemInstruction: { parts: [{ text: 'Be brief.' }] },
  tools: [
    {
      functionDeclarations: [
        { name: 'shell', description: 'runs a command', parametersJsonSchema: SCHEMA },
        { name: 'look', parameters: { type: 'OBJECT' }, response: { type: 'STRING' } },
      ],
    },
  ],
  toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['shell'] } },
  safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
  generationConfig: {
    maxOutputTokens: 900,
    candidateCount: 2,
    temperature: 0.5,
    stopSequences: ['STOP'],
    responseMimeType: 'application/json',
    responseJsonSchema: SCHEMA,
    responseModalities: ['TEXT'],
    thinkingConfig: { includeThoughts: true, thinkingBudget: 200 },
    mediaResolution: 'MEDIA_RESOLUTION_LOW',
  },
  labels: { course: 'algebra' },
};

export const EXAMPLES: Readonly<Record<SdkName, Readonly<Record<string, unknown>>>> = {
  chat: CHAT_EXAMPLE,
  responses: RESPONSES_EXAMPLE,
  messages: MESSAGES_EXAMPLE,
  google: GOOGLE_EXAMPLE,
  embeddings: {
    model: 'text-embedding-3-small',
    input: ['a text', 'another text'],
    dimensions: 8,
    encoding_format: 'float',
    user: 'ada',
    task: 'retrieval.query',
  },
  google_embed: {
    model: 'models/m',
    content: { parts: [{ text: 'a text' }] },
    taskType: 'RETRIEVAL_QUERY',
    title: 'a title',
    outputDimensionality: 8,
  },
};
