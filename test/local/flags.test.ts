import { CommanderError } from 'commander';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { config } from '#config';
import { readFlags } from '../../local/flags.ts';

const said: string[] = [];

beforeEach(() => {
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  }
});

afterEach(() => {
  vi.restoreAllMocks();
  said.length = 0;
});

test('have these defaults', () => {
  expect(readFlags([], config)).toEqual({
    port: 8787,
    host: '127.0.0.1',
    data: '.hallpass',
    ephemeral: false,
    demoLogin: false,
    provider: {},
    json: false,
  });
});

test('accept --provider several times, the last one per name', () => {
  const { provider } = readFlags(
    [
      ['--provider', 'openai=http://127.0.0.1:1/v1'],
      ['--provider', 'vllm=https://models.example/v1/'],
      ['--provider', 'openai=http://[::1]:2'],
    ].flat(),
    config,
  );
  expect(provider).toEqual({
    openai: 'http://[::1]:2',
    vllm: 'https://models.example/v1/',
  });
});

test.each([
  [
    'a provider that is not known',
    ['--provider', 'nobody=http://127.0.0.1:1'],
    /"--provider" must be NAME=URL, NAME one of openai, anthropic, .*, got "nobody"/,
  ],
  ['a provider without a URL', ['--provider', 'openai'], /must be NAME=URL/],
  [
    'a URL without a scheme',
    ['--provider', 'openai=127.0.0.1:1'],
    /"--provider openai" must be an http or https URL without a query/,
  ],
  ['a URL with a query', ['--provider', 'openai=http://a/?b'], /without a query/],
  ['a URL of another scheme', ['--provider', 'openai=file:///etc'], /http or https/],
  ['a URL that is none', ['--provider', 'openai=http://:x'], /http or https/],
  [
    '--demo-login for other machines',
    ['--demo-login', '--host', '0.0.0.0'],
    /conflict|cannot be used with/,
  ],
  ['a port out of range', ['--port', '65536'], /"--port" must be 0 to 65535, got "65536"/],
  ['a port that is none', ['--port', '1e3'], /"--port" must be 0 to 65535, got "1e3"/],
  [
    'a base path that begins a route',
    ['--base-path', 'v1'],
    /"--base-path" must be 1 to 64 of A-Za-z0-9_- and none of v1, .*, got "v1"/,
  ],
  ['a base path of two words', ['--base-path', 'a/b'], /"--base-path" must be .*, got "a\/b"/],
  ['a flag that is not known', ['--nonsense'], /unknown option '--nonsense'/],
  ['an argument', ['nonsense'], /too many arguments/],
])('refuse %s', (_, args, message) => {
  expect(() => readFlags(args, config)).toThrow(CommanderError);
  expect(said.join('')).toMatch(message);
});

test('are all explained by --help, with status 0', () => {
  expect(() => readFlags(['--help'], config)).toThrow(
    expect.objectContaining({ exitCode: 0 }) as Error,
  );
  for (const flag of ['--port', '--host', '--data', '--ephemeral', '--provider', '--json']) {
    expect(said.join('')).toContain(flag);
  }
});
