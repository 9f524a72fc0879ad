import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type ApiFamily, toErrorBody } from '../core/base/error-body.ts';
import { ERRORS, type ErrorCode, GatewayError } from '../core/base/errors.ts';
import { type ConfigInput, defineConfig } from '../core/config.ts';
import { KNOWN_PROVIDERS } from '../core/providers/known.ts';
import { findProvider } from '../core/providers/provider.ts';

const pathOf = (name: string): string => fileURLToPath(new URL(`../docs/${name}`, import.meta.url));

/** Adapters that write what money rests on. */
const WRITES = ['wallets', 'pools', 'usage', 'rollups', 'marks', 'revoked'];

const FAULTS = {
  caller: 'the caller',
  policy: 'a rule of the key or token',
  provider: 'the provider',
  us: 'the gateway',
};

const FORMATS = [
  ...(['chat', 'responses', 'embeddings', 'messages', 'count_tokens', 'google'] as const),
];

/** A member of the `error` object that a dialect gives a code. */
function memberOf(dialect: ApiFamily, code: ErrorCode, name: string): string {
  const { error } = toErrorBody(dialect, new GatewayError(code)) as {
    readonly error: Readonly<Record<string, unknown>>;
  };
  return `\`${error[name]}\``;
}

const rowOf = (code: ErrorCode): string => {
  const { status, message, fault } = ERRORS[code];
  const cells = [
    `\`${code}\``,
    status,
    message,
    FAULTS[fault],
    memberOf('openai', code, 'type'),
    memberOf('anthropic', code, 'type'),
    memberOf('google', code, 'status'),
  ];
  return `| ${cells.join(' | ')} |`;
};

const makeErrorsPage = (): string => `# Refusals

Every way in which a request can be refused. Made from \`core/base/errors.ts\` and \`core/base/error-body.ts\`; after a change there,
\`npm test -- test/docs.test.ts -u\` writes this page anew.

The code is stable and meant to be switched on: \`error.code\` in OpenAI's and Anthropic's dialect, \`error.reason\` in
Google's. The message may be longer than the one here and name a model, a field or a limit. A 401 carries
\`WWW-Authenticate: Bearer\`; a 429 carries \`Retry-After\` of at most 60 seconds, or \`x-should-retry: false\` where waiting
takes longer.

| code | HTTP | message | because of | OpenAI's \`type\` | Anthropic's \`type\` | Google's \`status\` |
|---|---|---|---|---|---|---|
${(Object.keys(ERRORS) as ErrorCode[]).map(rowOf).join('\n')}
`;

describe('docs', () => {
  test('the page of refusals is in step with the code', async () => {
    await expect(makeErrorsPage()).toMatchFileSnapshot(pathOf('errors.md'));
  });

  test('the page of providers has each with its variable and its formats', () => {
    const page = readFileSync(pathOf('providers.md'), 'utf8');
    const [table = ''] = page.split('| format | route |');
    const rows = [...table.matchAll(/^\| `([\w-]+)`.*? \| `(\w+)`(, or none)? \| (.+) \|$/gm)];
    expect(
      rows.map(([, name, variable, isKeyless, formats]) => [name, variable, !!isKeyless, formats]),
    ).toEqual(
      [...KNOWN_PROVIDERS].map(([name, { keyVariable, keyless, endpoints }]) => [
        name,
        keyVariable,
        keyless,
        FORMATS.filter((format) => endpoints[format] !== undefined).join(', '),
      ]),
    );
  });

  test.each(['../README.md', 'providers.md'])('the configurations of %s are ones', (page) => {
    const blocks = [
      ...readFileSync(pathOf(page), 'utf8').matchAll(/^```ts\n(providers: .*?)^```$/gms),
    ];
    expect(blocks.length).toBeGreaterThan(0);
    for (const [, block = ''] of blocks) {
      const config = defineConfig(new Function(`return { ${block} }`)() as ConfigInput);
      for (const name of Object.keys(config.providers)) {
        expect(findProvider(config, {}, name)?.baseUrl).toMatch(/^https:/);
      }
    }
  });

  test.each([
    ['failure on the page of limits', 'limits.md', '## When something fails'],
    ['condition of a write', 'conditions.md', '## In the writes'],
  ])('each %s names a test that is there', (_what, page, from) => {
    const tables = readFileSync(pathOf(page), 'utf8').split(from)[1] ?? '';
    const named = [...tables.matchAll(/\| `(test\/[^`]+)`: "([^"]+)" \|$/gm)];
    expect(named.length).toBeGreaterThan(0);
    expect(named).toHaveLength(tables.match(/^\| (?!failure|write \||flow \|)/gm)?.length ?? 0);
    for (const [, file = '', title = ''] of named) {
      const text = readFileSync(pathOf(`../${file}`), 'utf8');
      expect(text.includes(title), `${file}: ${title}`).toBe(true);
    }
  });

  test('each condition of a write is on its page, in its own words', () => {
    const page = readFileSync(pathOf('conditions.md'), 'utf8');
    const conditions = WRITES.flatMap((name) => {
      const text = readFileSync(pathOf(`../adapters/dynamodb/${name}.ts`), 'utf8');
      const pushed = [...text.matchAll(/conditions\.push\(([^;]+)\);/g)];
      const literal = [...text.matchAll(/ ConditionExpression: ('[^']+')/g)];
      return [...pushed, ...literal].flatMap(([, list = '']) =>
        [...list.matchAll(/'([^']+)'|`([^`]+)`/g)].flatMap(([, plain, template]) =>
          (plain ?? template ?? '').split(' AND '),
        ),
      );
    });
    expect(conditions.length).toBeGreaterThan(25);
    expect(conditions.filter((condition) => !page.includes(`\`${condition}\``))).toEqual([]);
  });

  test('each decision page says its context, its decision and what follows, in under a page', () => {
    const pages = readdirSync(pathOf('decisions'));
    expect(pages.length).toBeGreaterThan(0);
    for (const page of pages) {
      const text = readFileSync(pathOf(`decisions/${page}`), 'utf8');
      expect(page).toMatch(/^\d{4}-[a-z0-9-]+\.md$/);
      expect(text.match(/^#+ .*/gm)).toEqual([
        expect.stringMatching(new RegExp(`^# ${Number(page.slice(0, 4))}\\. `)),
        '## Context',
        '## Decision',
        '## Consequences',
      ]);
      expect(text.split(/\s+/).length).toBeLessThan(600);
    }
  });

  test('decision pages are numbered without a gap', () => {
    const numbers = readdirSync(pathOf('decisions')).map((page) => Number(page.slice(0, 4)));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });
});
