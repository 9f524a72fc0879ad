/**
 * Statements of policies.
 */
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';

/** Makes a statement that allows actions on resources. @param conditions @default none */
export const allow = (
  sid: string,
  actions: string[],
  resources: string[],
  conditions: Readonly<Record<string, unknown>> = {},
): PolicyStatement =>
  new PolicyStatement({ sid, effect: Effect.ALLOW, actions, resources, conditions });
