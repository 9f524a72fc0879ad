import { pathToFileURL } from 'node:url';
import { Stack } from 'aws-cdk-lib';
import { expect, test } from 'vitest';
import { defineConfig } from '../../core/config.ts';
import { toDeployedConfig, writeConfigModule } from '../../lib/config-module.ts';
import { makeApp } from '../support/stack.ts';

// guarantee: own-configuration
test('the module that a function bundles holds the configuration as it was checked, amounts and odd texts too', async () => {
  const config = defineConfig({
    account: 'acct"</script>\'`\\',
    providers: { openai: {}, 'by-hand': { baseUrl: 'https://llm.example.edu/v1' } },
    prices: { 'openai/x': { inputUsdPerMillion: 0.15, outputUsdPerMillion: 1e-6 } },
    defaults: { limits: ['user:usd:week=12.345678901', 'key:requests:minute=20'] },
    signIn: { publicUrl: 'https://llm.example.edu', key: 'amount 5' },
  });
  const scope = new Stack(makeApp(), 'Any');
  const module = await import(pathToFileURL(writeConfigModule(scope, config)).href);
  expect(module.config).toEqual(config);
  expect(module.config.defaults.limits[0].amount).toBe(12_345_678_901n);
});

test('is refused if alerts would go to the machine that deploys', () => {
  const config = defineConfig({ providers: {}, alerts: { webhook: 'http://127.0.0.1:9/hook' } });

  expect(() => toDeployedConfig(config)).toThrow('"alerts.webhook" must be reachable from AWS');
});
