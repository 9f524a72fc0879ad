/**
 * The stack in this process, without its bundles: for tests that look at the template only.
 */
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { defineConfig } from '../../core/config.ts';
import { HallpassStack, type HallpassStackProps } from '../../lib/stack.ts';

/** Two providers with a secret each, one of them under another name, and one that needs none. */
const config = defineConfig({
  providers: {
    openai: {},
    groq: { auth: { secret: 'groq-team' } },
    ollama: { auth: 'none' },
  },
});

export type StackSettings = Partial<Omit<HallpassStackProps, 'env'>>;

/** An app with the stack in it. */
export function makeStack(settings: StackSettings = {}): { app: App; stack: HallpassStack } {
  const app = new App({
    analyticsReporting: false,
    // CDK's own check of the template takes seconds; `cdk synth` makes it, which test/support/synth.ts runs.
    builtinCloudFormationValidation: false,
    context: { 'aws:cdk:bundling-stacks': [] },
  });
  return { app, stack: new HallpassStack(app, 'Hallpass', { config, ...settings }) };
}

export const makeTemplate = (settings?: StackSettings): Template =>
  Template.fromStack(makeStack(settings).stack);
