import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { config } from '#config';
import { HallpassStack } from '../../lib/stack.ts';
import { findProblems } from '../support/resource-spec.ts';
import { makeApp } from '../support/stack.ts';
import { assetOf, SYNTH_MS_MAX, type SynthResult, synthesize } from '../support/synth.ts';

const KB = 1000;
/** The SDK's advice to import it is a text in the bundle. */
const NAMED_IN_AN_ERROR = '@aws-sdk/signature-v4-crt';
let synth: SynthResult;

beforeAll(async () => {
  synth = await synthesize();
}, SYNTH_MS_MAX);

const bundleOf = (name: 'authorizer' | 'proxy' | 'account' | 'sweep' | 'pages'): string =>
  join(synth.functionFolder(name), 'index.mjs');

describe('cdk synth', () => {
  test('makes a template that matches AWS’s specification, from the configuration as it is', () => {
    expect(findProblems(synth.template)).toEqual([]);
  });

  test('prints only the bundled files and a note about unset options', () => {
    const lines = synth.output.split('\n').filter((line) => line.trim() !== '');
    const expected = /^Bundling asset Hallpass\/|feature flags are not configured/;
    expect(lines.filter((line) => !expected.test(line))).toEqual([]);
  });
});

describe('the bundles', () => {
  // guarantee: upgrades
  test('are the same in another folder and process, so nothing is deployed without a change', () => {
    const app = makeApp({ bundles: true });
    new HallpassStack(app, 'Again', { config });
    const { template } = app.synth().getStackByName('Again');
    for (const name of ['authorizer', 'proxy', 'account', 'sweep', 'pages'] as const) {
      expect(assetOf(template, name)).toBe(basename(synth.functionFolder(name)));
    }
  });

  test.each([
    ['authorizer', 120 * KB],
    ['proxy', 280 * KB],
    ['account', 225 * KB],
    ['sweep', 430 * KB],
    ['pages', 400 * KB],
  ] as const)('the bundle of the %s is at most %i bytes', (name, bytesMax) => {
    const { size } = statSync(bundleOf(name));
    expect(size).toBeLessThanOrEqual(bytesMax);
  });

  test.each(['authorizer', 'proxy', 'account', 'sweep', 'pages'] as const)(
    'the code of the %s is one file without a source map',
    (name) => {
      expect(readdirSync(synth.functionFolder(name))).toEqual(['index.mjs']);
      expect(readFileSync(bundleOf(name), 'utf8')).not.toContain('sourceMappingURL');
    },
  );

  test.each(['authorizer', 'proxy', 'account', 'pages'] as const)(
    'the bundle of the %s, which requests wait for, holds nothing of the AWS SDK',
    (name) => {
      const code = readFileSync(bundleOf(name), 'utf8');
      expect(code).not.toContain('aws-sdk');
      expect(code).not.toContain('DynamoDBClient');
      expect(code).not.toContain('SecretsManagerClient');
    },
  );

  test.each(['authorizer', 'proxy', 'account', 'pages'] as const)(
    'the bundle of the %s does not import node:http, which loads undici',
    (name) => {
      expect(readFileSync(bundleOf(name), 'utf8')).not.toMatch(/from\s*"(node:)?http"/);
    },
  );

  test.each(['authorizer', 'proxy', 'account', 'sweep', 'pages'] as const)(
    'the bundle of the %s does not import node:stream/web, which takes 2 ms',
    (name) => {
      expect(readFileSync(bundleOf(name), 'utf8')).not.toMatch(/from\s*"(node:)?stream\/web"/);
    },
  );

  test("the bundle of the sweep holds the SDK's client for the tables, and none for secrets", () => {
    const code = readFileSync(bundleOf('sweep'), 'utf8');
    expect(code).toContain('DynamoDB_20120810');
    expect(code).toContain('DynamoDBServiceException');
    expect(code).not.toContain('SecretsManager');
  });

  test.each(['authorizer', 'proxy', 'account', 'sweep', 'pages'] as const)(
    'the bundle of the %s imports nothing but modules of Node',
    (name) => {
      const code = readFileSync(bundleOf(name), 'utf8');
      // Statements alone: a text may hold the word too.
      const statements = code.matchAll(/\bimport\s*(?:[\w*{}\s,$]+?\bfrom\s*)?"([^"]+)"/g);
      const imported = [...statements].map(([, module]) => module);
      expect(imported).toContain(name === 'pages' ? 'node:zlib' : 'node:crypto');
      const others = imported.filter((module) => !module?.startsWith('node:'));
      expect(others.filter((module) => module !== NAMED_IN_AN_ERROR)).toEqual([]);
    },
  );

  test.each(['authorizer', 'proxy', 'account', 'sweep', 'pages'] as const)(
    'the bundle of the %s exports its handler',
    (name) => {
      expect(readFileSync(bundleOf(name), 'utf8')).toMatch(/export\{[\w$]+ as handler\}/);
    },
  );
});
