import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type ApiFamily, toErrorBody } from '../core/base/error-body.ts';
import { ERRORS, type ErrorCode, GatewayError } from '../core/base/errors.ts';
import { type ConfigInput, defineConfig } from '../core/config.ts';
import { KNOWN_PROVIDERS } from '../core/providers/known.ts';
import { findProvider } from '../core/providers/provider.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(`${ROOT}${path}`, 'utf8');

/** Every document of the project, by its path from the top. */
const DOCUMENTS = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md'], { cwd: ROOT }).sort();

describe('the page of refusals', () => {
  const FAULTS = {
    caller: 'the caller',
    policy: 'a rule of the key or token',
    provider: 'the provider',
    us: 'the gateway',
  };

  /** A member of the `error` object that an API family gives a code. */
  function memberOf(family: ApiFamily, code: ErrorCode, name: string): string {
    const { error } = toErrorBody(family, new GatewayError(code)) as {
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

  const makePage = (): string => `# Refusals

Every way in which a request can be refused. This page is generated from \`core/base/errors.ts\` and
\`core/base/error-body.ts\`. After a change there, write it again with \`npm test -- test/docs.test.ts -u\`.

The code is stable, so programs can decide by it. It is \`error.code\` in OpenAI's and Anthropic's dialect and \`error.reason\`
in Google's. The message may be longer than the one here and name a model, a field or a limit. A 401 carries
\`WWW-Authenticate: Bearer\`. A 429 carries \`Retry-After\` of at most 60 seconds, or \`x-should-retry: false\` if the wait is
longer. A refusal by a limit also has \`limit\`, \`limit_value\`, \`used\`, \`reserved\` and \`resets_at\`.

\`insufficient_quota\` means that the money is gone: not even a request of 1,000 input and 16 output tokens to this model fits.
\`request_too_expensive\` means that this request may cost more than is left, and a smaller one fits. It has \`needed_usd\` and
\`available_usd\`, which is null if the figures of the limit are not for the caller. An error that was charged because the
provider may bill it has \`charged_usd\`.

| code | HTTP | message | because of | OpenAI's \`type\` | Anthropic's \`type\` | Google's \`status\` |
|---|---|---|---|---|---|---|
${(Object.keys(ERRORS) as ErrorCode[]).map(rowOf).join('\n')}
`;

  test('is in step with the code', async () => {
    await expect(makePage()).toMatchFileSnapshot(`${ROOT}docs/errors.md`);
  });
});

describe('the page of providers', () => {
  const DIALECTS = [
    'chat',
    'responses',
    'embeddings',
    'messages',
    'count_tokens',
    'google',
  ] as const;

  test('lists each provider with its variable and its dialects', () => {
    const [table = ''] = read('docs/providers.md').split('| dialect | route |');
    const rows = [...table.matchAll(/^\| `([\w-]+)`.*? \| `(\w+)`(, or none)? \| (.+) \|$/gm)];
    expect(
      rows.map(([, name, variable, isKeyless, dialects]) => [
        name,
        variable,
        !!isKeyless,
        dialects,
      ]),
    ).toEqual(
      [...KNOWN_PROVIDERS].map(([name, { keyVariable, keyless, endpoints }]) => [
        name,
        keyVariable,
        keyless,
        DIALECTS.filter((dialect) => endpoints[dialect] !== undefined).join(', '),
      ]),
    );
  });
});

describe('the documents', () => {
  const blocks = DOCUMENTS.flatMap((path) =>
    [...read(path).matchAll(/^```ts\n(providers: .*?)^```$/gms)].map(
      ([, block = ''], index) => [`${path} ${index + 1}`, block] as const,
    ),
  );

  test.each(blocks)('show a configuration that is accepted: %s', (_, block) => {
    const config = defineConfig(new Function(`return { ${block} }`)() as ConfigInput);
    for (const name of Object.keys(config.providers)) {
      expect(findProvider(config, {}, name)?.baseUrl).toMatch(/^https:/);
    }
  });

  test('show a configuration at all', () => {
    expect(blocks.length).toBeGreaterThan(2);
  });

  test.each(DOCUMENTS)('link only to what is there: %s', (path) => {
    const targets = [...read(path).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^[a-z]+:/.test(target));
    const broken = targets.filter((target) => {
      const [file = '', anchor] = target.split('#');
      const full = file === '' ? path : posix.join(posix.dirname(path), file);
      if (!existsSync(`${ROOT}${full}`)) return true;
      return anchor !== undefined && !anchorsOf(full).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  test.each(DOCUMENTS)('name only files that are there: %s', (path) => {
    const named = [...read(path).matchAll(FILE_NAME)].map(([, name = '']) => name);
    expect(named.filter((name) => !existsSync(`${ROOT}${name}`))).toEqual([]);
  });

  test('start with a README of at most 170 lines', () => {
    expect(read('README.md').split('\n').length - 1).toBeLessThanOrEqual(170);
  });

  test('are all in the index', () => {
    const index = read('docs/README.md');
    const pages = DOCUMENTS.filter((path) => /^docs\/[\w-]+\.md$/.test(path))
      .map((path) => posix.basename(path))
      .filter((page) => page !== 'README.md');
    expect(pages.filter((page) => !index.includes(`](${page})`))).toEqual([]);
  });

  /** `core/wallet/reserve.ts`, or a folder with its slash, in backticks. */
  const FILE_NAME =
    /`((?:adapters|bench|bin|cli|core|docs|examples|lambdas|lib|local|test)\/[\w./-]*)`/g;

  /** Returns the anchors that GitHub makes of a page's headings. */
  function anchorsOf(path: string): readonly string[] {
    return [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s-]/gu, '')
        .replace(/\s/g, '-'),
    );
  }
});

describe('guarantees', () => {
  const ROW = /^\| `([a-z0-9-]+)` \| .+ \|$/gm;
  const promised = ['docs/guarantees.md', 'docs/conditions.md'].flatMap((path) =>
    [...read(path).matchAll(ROW)].map(([, name = '']) => name),
  );
  const shown = globSync('test/**/*.ts', { cwd: ROOT })
    .flatMap((path) => [...read(path).matchAll(/^ *\/\/ guarantee: (.+)$/gm)])
    .flatMap(([, names = '']) => names.split(', '));

  test('are promised once', () => {
    expect(promised.length).toBeGreaterThan(100);
    expect(promised.filter((name, index) => promised.indexOf(name) !== index)).toEqual([]);
  });

  test('are each shown by a test', () => {
    expect(promised.filter((name) => !shown.includes(name))).toEqual([]);
  });

  test('that a test shows are promised', () => {
    expect(shown.filter((name) => !promised.includes(name))).toEqual([]);
  });

  test.each(['SECURITY.md', 'docs/limits.md'])('that %s names are promised', (path) => {
    const cells = [...read(path).matchAll(/\| ((?:`[a-z0-9]+(?:-[a-z0-9]+)+`(?:, )?)+) \|$/gm)];
    const named = cells.flatMap(([, cell = '']) => cell.replaceAll('`', '').split(', '));
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((name) => !promised.includes(name))).toEqual([]);
  });
});

describe('decision pages', () => {
  const pages = readdirSync(`${ROOT}docs/decisions`);

  test.each(pages)(
    '%s says its context, its decision and what follows, in under a page',
    (page) => {
      const text = read(`docs/decisions/${page}`);
      expect(page).toMatch(/^\d{4}-[a-z0-9-]+\.md$/);
      expect(text.match(/^#+ .*/gm)).toEqual([
        expect.stringMatching(new RegExp(`^# ${Number(page.slice(0, 4))}\\. `)),
        '## Context',
        '## Decision',
        '## Consequences',
      ]);
      expect(text.split(/\s+/).length).toBeLessThan(600);
    },
  );

  test('are numbered without a gap', () => {
    const numbers = pages.map((page) => Number(page.slice(0, 4)));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });
});

describe('the conditions of writes', () => {
  /** Adapters that write what money and revocations rest on. */
  const WRITES = [
    'wallet-writes',
    'pools',
    'marks',
    'usage-rows',
    'rollups',
    'alert-marks',
    'sign-in-store',
  ];
  /** A function that makes one clause of a condition, with the doc comment before it. */
  const CLAUSE =
    /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?^(?:export )?const (\w+) = [^=]*?\): Condition\b/gm;
  const sources = WRITES.map((name) => read(`adapters/dynamodb/${name}.ts`));
  const clauses = sources.flatMap((text) => [...text.matchAll(CLAUSE)]);
  const rules = read('docs/conditions.md');

  test('are lists of named clauses, and nothing else', () => {
    for (const text of sources) {
      expect(text).not.toMatch(/(?<!Key)ConditionExpression/);
      expect(text).not.toMatch(/conditions: \[[^\]]*`/);
    }
    expect(clauses.length).toBeGreaterThan(20);
  });

  test.each(clauses.map(([, comment = '', name]) => [name, comment]))(
    'have a rule on the page of conditions: %s',
    (_, comment) => {
      const kept = /\bKeeps ((?:`[a-z0-9-]+`(?:, )?)+)\./.exec(comment)?.[1] ?? '';
      const names = kept.replaceAll('`', '').split(', ');
      expect(names.filter((name) => !rules.includes(`| \`${name}\` |`))).toEqual([]);
    },
  );
});
