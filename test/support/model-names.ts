import { defineConfig } from '../../core/config.ts';
import type { ModelNames } from '../../core/models/policy.ts';

/** Names of a deployment with one provider and no alias. */
export const MODEL_NAMES: ModelNames = {
  config: defineConfig({ providers: { openai: {} } }),
  providerUrls: {},
};
