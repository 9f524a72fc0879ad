/**
 * The configuration of one gateway as a module, which is bundled into its functions in the place of `#config`.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Stage } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { isLoopbackHost } from '../core/base/url.ts';
import type { Config } from '../core/config.ts';
import { findProvider } from '../core/providers/provider.ts';

/**
 * Returns the configuration without the providers that only this machine can reach, such as `ollama`.
 * @throws TypeError if one of them is the default provider, if sign-in has no public URL, or if alerts go to this machine
 */
export function toDeployedConfig(config: Config): Config {
  const isReachable = (name: string): boolean => {
    const url = findProvider(config, {}, name)?.baseUrl;
    return !url || !isLoopbackHost(new URL(url).hostname);
  };
  const providers = Object.entries(config.providers).filter(([name]) => isReachable(name));
  const { defaultProvider, alerts } = config;
  if (alerts.webhook !== undefined && isLoopbackHost(new URL(alerts.webhook).hostname)) {
    throw new TypeError(`"alerts.webhook" must be reachable from AWS, got "${alerts.webhook}"`);
  }
  if (defaultProvider !== undefined && !isReachable(defaultProvider)) {
    throw new TypeError(
      `"defaultProvider" must be reachable from AWS, got "${defaultProvider}", which is on this machine`,
    );
  }
  if (config.signIn !== undefined && !config.signIn.publicUrl?.startsWith('https:')) {
    throw new TypeError(
      '"signIn.publicUrl" must be the https URL of the deployed gateway, before "/v1"',
    );
  }
  return { ...config, providers: Object.fromEntries(providers) };
}

/** Marks an amount in JSON. No text of a configuration that is of any use begins like it. */
const AMOUNT = '\0amount ';

/**
 * Writes a checked configuration as JavaScript. It was checked here, so no function has to hold what checks it, which
 * is 5 kB.
 */
function toLiteral(config: Config): string {
  const json = JSON.stringify(config, (_, value: unknown) =>
    typeof value === 'bigint' ? `${AMOUNT}${value}` : value,
  );
  return json.replaceAll(/"\\u0000amount (\d+)"/g, '$1n');
}

/**
 * Writes the module into the folder of the app's output, under a name that its content decides.
 * @returns its path
 */
export function writeConfigModule(scope: IConstruct, config: Config): string {
  const text = `export const config = ${toLiteral(config)};\n`;
  const folder = Stage.of(scope)?.assetOutdir ?? 'cdk.out';
  const name = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const path = resolve(folder, `hallpass-config-${name}.mjs`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, text);
  return path;
}
