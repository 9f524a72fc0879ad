import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ConfigInput, defineConfig } from '../../core/config.ts';
import { HallpassStack } from '../../lib/stack.ts';
import { makeApp } from '../support/stack.ts';
import type { Template } from '../support/synth.ts';

const CONFIGS: Readonly<Record<string, ConfigInput>> = {
  Dev: { account: 'acct:dev-only', providers: { openai: {} } },
  Prod: { account: 'acct:prod-only', providers: { anthropic: {} } },
};

/** Code of a function by its stack and description: file name, which is a hash of the content, and text. */
type Bundles = Readonly<Record<string, { readonly folder: string; readonly text: string }>>;

function synthesizeBoth(): Bundles {
  const app = makeApp({ bundles: true });
  for (const [id, config] of Object.entries(CONFIGS)) {
    new HallpassStack(app, id, { config: defineConfig(config) });
  }
  const assembly = app.synth();
  const found: Record<string, { folder: string; text: string }> = {};
  for (const { stackName, template } of assembly.stacks) {
    for (const { Type, Properties, Metadata } of Object.values((template as Template).Resources)) {
      const folder = Metadata?.['aws:asset:path'];
      if (Type !== 'AWS::Lambda::Function' || typeof folder !== 'string') continue;
      const text = readFileSync(join(assembly.directory, folder, 'index.mjs'), 'utf8');
      found[`${stackName} ${Properties.Description}`] = { folder, text };
    }
  }
  return found;
}

let bundles: Bundles;
beforeAll(() => {
  bundles = synthesizeBoth();
});

describe('two stacks with different configurations in one app', () => {
  // guarantee: own-configuration
  test.each(['authorizer', 'proxy', 'account'])(
    'each have their own configuration in the %s',
    (name) => {
      const dev = bundles[`Dev Hallpass ${name}`]?.text;
      const prod = bundles[`Prod Hallpass ${name}`]?.text;
      expect(dev).toContain('acct:dev-only');
      expect(dev).not.toContain('acct:prod-only');
      expect(prod).toContain('acct:prod-only');
      expect(prod).not.toContain('acct:dev-only');
    },
  );

  test('share the bundle of the pages, which has no configuration', () => {
    const dev = bundles['Dev Hallpass pages']?.folder;
    expect(dev).toMatch(/^asset\.[0-9a-f]{64}$/);
    expect(bundles['Prod Hallpass pages']?.folder).toBe(dev);
  });
});
