/**
 * The configuration of this deployment. Read by `npm start` and by `npx cdk deploy`; every field is described in core/config.ts.
 * Provider keys are not here: locally they come from the environment (OPENAI_API_KEY, …), deployed from Secrets Manager.
 */
import { defineConfig } from './core/config.ts';

export const config = defineConfig({
  providers: {
    openai: {},
    anthropic: {},
    google: {},
    deepinfra: {},
    openrouter: {},
    groq: {},
    mistral: {},
    together: {},
    ollama: { auth: 'none' },
  },
  aliases: {},
  defaults: {
    limits: [],
    maxTokenLifetimeSeconds: 604_800,
    defaultMaxOutputTokens: 8192,
  },
});
