/**
 * The stack in this process: for tests that look at the template only.
 */
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, type AppProps, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import { inject } from 'vitest';
import { defineConfig } from '../../core/config.ts';
import { HallpassStack, type HallpassStackProps } from '../../lib/stack.ts';
import './synth-folder.ts';

/** Two providers with a secret each, one of them under another name, and one that needs none. */
const config = defineConfig({
  providers: {
    openai: {},
    groq: { auth: { secret: 'groq-team' } },
    ollama: { auth: 'none' },
  },
});

export type StackSettings = Partial<Omit<HallpassStackProps, 'env'>>;

interface AppSettings extends Pick<AppProps, 'builtinCloudFormationValidation'> {
  /** True makes the bundles too. */
  readonly bundles?: boolean;
}

/**
 * An app without what takes most of the time and is in no template: bundles, stack traces, the tree, and CDK's own check,
 * which `cdk synth` (test/support/synth.ts) and test/lib/every-setting.test.ts make.
 */
export const makeApp = ({ bundles = false, ...props }: AppSettings = {}): App =>
  new App({
    analyticsReporting: false,
    builtinCloudFormationValidation: false,
    stackTraces: false,
    treeMetadata: false,
    // Removed when the tests end.
    outdir: mkdtempSync(join(inject('synthFolder'), 'app-')),
    ...props,
    context: {
      'aws:cdk:disable-creation-stack-traces': true,
      ...(bundles ? { 'aws:cdk:enable-asset-metadata': true } : { 'aws:cdk:bundling-stacks': [] }),
    },
  });

/** An app with the stack in it. */
export function makeStack(settings: StackSettings = {}): { app: App; stack: HallpassStack } {
  const app = makeApp();
  return { app, stack: new HallpassStack(app, 'Hallpass', { config, ...settings }) };
}

let usual: Template | undefined;

/** Returns the template of a stack. The one without settings is made once for all tests of a process: only read it. */
export function makeTemplate(settings?: StackSettings): Template {
  if (settings !== undefined) return Template.fromStack(makeStack(settings).stack);
  usual ??= Template.fromStack(makeStack().stack);
  return usual;
}

/** Makes a function's bundle in an app, and returns its text. */
export function bundleIn(app: App, code: Code): string {
  const { s3Location } = code.bind(new Stack(app, `Bundle${app.node.children.length}`));
  const folder = `asset.${s3Location?.objectKey.replace(/\.zip$/, '')}`;
  return readFileSync(join(app.outdir, folder, 'index.mjs'), 'utf8');
}
