/**
 * The configurations of the stacks of `npm run test:deploy`.
 */

import { type Config, type ConfigInput, defineConfig } from '../../core/config.ts';
import { ACCOUNT, REGION } from './emulator.ts';

/** Models of the providers that the tests play: one that answers, and one that never does. */
export const UPSTREAM_MODEL = 'upstream/model';
export const SILENT_MODEL = 'silent/model';

export interface ConfigSettings {
  readonly account?: string;
  readonly upstreamUrl: string;
  readonly silentUrl: string;
  /** A provider that is left out. */
  readonly without?: string | undefined;
}

/** The configuration as it is written, which earlier versions read too. */
export const configInputOf = (settings: ConfigSettings): ConfigInput => {
  const { account, upstreamUrl, silentUrl, without } = settings;
  const price = { inputUsdPerMillion: 1, outputUsdPerMillion: 4 };
  return {
    ...(account === undefined ? {} : { account }),
    providers: {
      openai: {},
      ...(without === 'upstream' ? {} : { upstream: { baseUrl: upstreamUrl } }),
      silent: { baseUrl: silentUrl, auth: 'none' },
    },
    prices: { [UPSTREAM_MODEL]: price, [SILENT_MODEL]: price },
  };
};

export const configOf = (settings: ConfigSettings): Config => defineConfig(configInputOf(settings));

/** The topic that alerts of the second stage go to. */
export const ALERT_TOPIC = 'budgets';

/** A configuration with all that has functions, tables and permissions of its own. */
export const fullConfigOf = (settings: ConfigSettings): Config =>
  defineConfig({
    ...configInputOf(settings),
    signIn: {
      publicUrl: 'https://llm.example.edu',
      issuer: 'https://id.example.edu',
      clientId: 'hallpass',
      key: 'staff',
    },
    alerts: { at: [50], topicArn: `arn:aws:sns:${REGION}:${ACCOUNT}:${ALERT_TOPIC}` },
  });
