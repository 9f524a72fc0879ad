import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { App, Stack } from 'aws-cdk-lib';
import { expect, test } from 'vitest';
import { defineConfig } from '../../core/config.ts';
import { toDeployedConfig, writeConfigModule } from '../../lib/config-module.ts';

// guarantee: own-configuration
test('the module that a function bundles holds the configuration as it was checked, amounts and odd texts too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hallpass-config-'));
  const config = defineConfig({
    account: 'acct"</script>\'`\\',
    providers: { openai: {}, 'by-hand': { baseUrl: 'https://llm.example.edu/v1' } },
    prices: { 'openai/x': { inputUsdPerMillion: 0.15, outputUsdPerMillion: 1e-6 } },
    defaults: { limits: ['user:usd:week=12.345678901', 'key:requests:minute=20'] },
    signIn: { publicUrl: 'https://llm.example.edu', key: 'amount 5' },
  });
  const scope = new Stack(new App({ outdir: folder, analyticsReporting: false }), 'Any');
  const module = await import(pathToFileURL(writeConfigModule(scope, config)).href);
  expect(module.config).toEqual(config);
  expect(module.config.defaults.limits[0].amount).toBe(12_345_678_901n);
  await rm(folder, { recursive: true, force: true });
});

test('is refused if alerts would go to the machine that deploys', () => {
  const config = defineConfig({ providers: {}, alerts: { webhook: 'http://127.0.0.1:9/hook' } });

  expect(() => toDeployedConfig(config)).toThrow('"alerts.webhook" must be reachable from AWS');
});
