/**
 * The CDK app of `npm run test:deploy`: two stages of one app with configurations of their own, the stack that an
 * earlier version deployed, and one that goes on with the tables of the first. The context names the
 * stacks that are made, and says how far their life is.
 */
import { App } from 'aws-cdk-lib';
import { HallpassStack, type HallpassStackProps } from '../../lib/stack.ts';
import { configOf, fullConfigOf } from './configs.ts';

const app = new App({ analyticsReporting: false });
const context = (name: string): string | undefined => app.node.tryGetContext(name);

const settings = {
  upstreamUrl: context('upstream') ?? '',
  silentUrl: context('silent') ?? '',
  without: context('without'),
};
const dev = configOf({ account: 'acct:dev', ...settings });

const STACKS: Readonly<Record<string, HallpassStackProps>> = {
  Dev: {
    config: dev,
    stageName: 'dev',
    functions: { authorizer: { memoryMiB: Number(context('memory') ?? 256) } },
  },
  Prod: { config: fullConfigOf({ account: 'acct:prod', ...settings }) },
  // No account, as in the version before: the default one is a hash of the stack's id, which an upgrade must keep.
  Hallpass: { config: configOf(settings) },
  Restored: { config: dev, existing: JSON.parse(context('existing') ?? '{}') },
};
// Each stack takes seconds, so only those that are named are made.
for (const [name, props] of Object.entries(STACKS)) {
  if (context('stacks')?.split(',').includes(name)) new HallpassStack(app, name, props);
}
