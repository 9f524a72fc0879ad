/**
 * What the proxy may do at Bedrock where the configuration has it called with the function's role: ask models, in the
 * regions that are configured, and nothing else. Which model a caller may ask is the policy of their key, not of the role.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
 */
import { Aws } from 'aws-cdk-lib';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Config } from '../core/config.ts';
import { findProvider, type RequestSigning } from '../core/providers/provider.ts';

/** The services and regions that the configured providers are signed for, each once. */
export function signingsOf(config: Config): readonly RequestSigning[] {
  const signings = Object.keys(config.providers).flatMap(
    (name) => findProvider(config, {}, name)?.signing ?? [],
  );
  return [...new Map(signings.map((each) => [`${each.service} ${each.region}`, each])).values()];
}

/** What stands in an ARN for the deployment's own. */
interface Deployment {
  readonly partition: string;
  readonly account: string;
}
const OWN: Deployment = { partition: Aws.PARTITION, account: Aws.ACCOUNT_ID };

const profilesOf = ({ region }: RequestSigning, { partition, account }: Deployment): string =>
  `arn:${partition}:bedrock:${region}:${account}:inference-profile/*`;
const modelsOf = (region: string, { partition }: Deployment): string =>
  `arn:${partition}:bedrock:${region}::foundation-model/*`;
/** Mantle counts a request that names no project, as ours, to this one. */
const projectOf = ({ region }: RequestSigning): string =>
  `arn:${Aws.PARTITION}:bedrock-mantle:${region}:${Aws.ACCOUNT_ID}:project/default`;

const ANY_REGION = '*';
const INVOKE = ['bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream'];

/** The statements for these services and regions. */
export function bedrockStatements(signings: readonly RequestSigning[]): readonly PolicyStatement[] {
  const runtimes = signings.filter(({ service }) => service === 'bedrock');
  const mantles = signings.filter(({ service }) => service === 'bedrock-mantle');
  const allow = (sid: string, actions: string[], resources: string[], conditions = {}) =>
    resources.length === 0
      ? []
      : [new PolicyStatement({ sid, effect: Effect.ALLOW, actions, resources, conditions })];
  const profiles = runtimes.map((each) => profilesOf(each, OWN));
  const models = runtimes.map(({ region }) => modelsOf(region, OWN));
  return [
    ...allow('AskModels', INVOKE, [...models, ...profiles]),
    // A profile spreads requests over regions that its name does not say: there, through it alone.
    ...allow(
      'AskModelsThroughProfiles',
      INVOKE,
      profiles.length === 0 ? [] : [modelsOf(ANY_REGION, OWN)],
      { StringLike: { 'bedrock:InferenceProfileArn': profiles } },
    ),
    ...allow('AskMantle', ['bedrock-mantle:CreateInference'], mantles.map(projectOf)),
  ];
}

/** The findings of cdk-nag on these statements, in its spelling, each with the reason why it stands. */
export function bedrockFindings(
  signings: readonly RequestSigning[],
): readonly { readonly id: string; readonly reason: string }[] {
  const shown: Deployment = { partition: '<AWS::Partition>', account: '<AWS::AccountId>' };
  const arns = signings
    .filter(({ service }) => service === 'bedrock')
    .flatMap((each) => [
      modelsOf(each.region, shown),
      profilesOf(each, shown),
      modelsOf(ANY_REGION, shown),
    ]);
  return [...new Set(arns)].map((arn) => ({
    id: `AwsSolutions-IAM5[Resource::${arn}]`,
    reason: 'Keys say which models may be asked, and change without a deployment.',
  }));
}
