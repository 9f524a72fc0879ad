/**
 * The CDK app: one stack, made of `hallpass.config.ts`. Account and region are those it is deployed with.
 */
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { config } from '../hallpass.config.ts';
import { HallpassStack } from '../lib/stack.ts';

const app = new App({ analyticsReporting: false });
new HallpassStack(app, 'Hallpass', { config });
Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
