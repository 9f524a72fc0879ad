/**
 * The CDK app: one stack from `hallpass.config.ts`. The deploying credentials decide account and region.
 * The context names the stack (`-c stack=HallpassDev`) and may set what is text, number or yes (`"hallpass": {…}` in
 * cdk.json). An app of your own can set everything (docs/deploy.md).
 */
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { config } from '#config';
import { readContextProps } from '../lib/props.ts';
import { HallpassStack } from '../lib/stack.ts';

const app = new App({ analyticsReporting: false });
const name = String(app.node.tryGetContext('stack') ?? 'Hallpass');
new HallpassStack(app, name, {
  config,
  ...readContextProps(app.node.tryGetContext('hallpass')),
});
Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
