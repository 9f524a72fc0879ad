/**
 * The CDK app of `npm run test:deploy`: two stages of one app with configurations of their own, and a third that goes
 * on with the tables of the first. The context says how far their life is.
 */
import { App } from 'aws-cdk-lib';
import { type ConfigInput, defineConfig } from '../../core/config.ts';
import { HallpassStack } from '../../lib/stack.ts';

const app = new App({ analyticsReporting: false });
const context = (name: string): string | undefined => app.node.tryGetContext(name);

const providers: ConfigInput['providers'] =
  context('without') === 'groq' ? { openai: {} } : { openai: {}, groq: {} };
const memoryMiB = Number(context('memory') ?? 256);

new HallpassStack(app, 'Dev', {
  config: defineConfig({ account: 'acct:dev', providers }),
  stageName: 'dev',
  functions: { authorizer: { memoryMiB } },
});
new HallpassStack(app, 'Prod', {
  config: defineConfig({ account: 'acct:prod', providers }),
});
const existing = context('existing');
if (existing !== undefined) {
  new HallpassStack(app, 'Restored', {
    config: defineConfig({ account: 'acct:dev', providers }),
    existing: JSON.parse(existing),
  });
}
