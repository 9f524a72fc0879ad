/**
 * The CDK app: one stack from `hallpass.config.ts`. The deploying credentials decide account and region.
 */
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { config } from '../hallpass.config.ts';
import { HallpassStack } from '../lib/stack.ts';

const app = new App({ analyticsReporting: false });
new HallpassStack(app, 'Hallpass', { config });
Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
