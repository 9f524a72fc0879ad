/**
 * The proxy's permissions at Bedrock, where the configuration calls it with the function's role: to call models in the
 * configured regions, and nothing else. A caller's key, not the role, decides which model the caller may use.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
 */
import { Aws } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Config } from '../core/config.ts';
import { findProvider, type RequestSigning } from '../core/providers/provider.ts';
import { allow } from './allow.ts';

/** Returns the services and regions for which requests of the configured providers are signed, each once. */
export function signingsOf(config: Config): readonly RequestSigning[] {
  const signings = Object.keys(config.providers).flatMap(
    (name) => findProvider(config, {}, name)?.signing ?? [],
  );
  return [...new Map(signings.map((each) => [`${each.service} ${each.region}`, each])).values()];
}

/** The parts of an ARN that name the deployment. */
interface Deployment {
  readonly partition: string;
  readonly account: string;
}
const OWN: Deployment = { partition: Aws.PARTITION, account: Aws.ACCOUNT_ID };

const profilesOf = ({ region }: RequestSigning, { partition, account }: Deployment): string =>
  `arn:${partition}:bedrock:${region}:${account}:inference-profile/*`;
const modelsOf = (region: string, { partition }: Deployment): string =>
  `arn:${partition}:bedrock:${region}::foundation-model/*`;
/** Mantle uses this project for requests that name none, as ours do. */
const projectOf = ({ region }: RequestSigning): string =>
  `arn:${Aws.PARTITION}:bedrock-mantle:${region}:${Aws.ACCOUNT_ID}:project/default`;

const ANY_REGION = '*';
const INVOKE = ['bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream'];

/** Returns the statements for these services and regions. */
export function bedrockStatements(signings: readonly RequestSigning[]): readonly PolicyStatement[] {
  const runtimes = signings.filter(({ service }) => service === 'bedrock');
  const mantles = signings.filter(({ service }) => service === 'bedrock-mantle');
  const profiles = runtimes.map((each) => profilesOf(each, OWN));
  const models = runtimes.map(({ region }) => modelsOf(region, OWN));
  const ofRuntimes = [
    allow('AskModels', INVOKE, [...models, ...profiles]),
    // A profile spreads requests over regions that its name does not show. There, only calls through it are allowed.
    allow('AskModelsThroughProfiles', INVOKE, [modelsOf(ANY_REGION, OWN)], {
      StringLike: { 'bedrock:InferenceProfileArn': profiles },
    }),
  ];
  const ofMantles = allow('AskMantle', ['bedrock-mantle:CreateInference'], mantles.map(projectOf));
  return [...(runtimes.length > 0 ? ofRuntimes : []), ...(mantles.length > 0 ? [ofMantles] : [])];
}

/** Returns cdk-nag's findings on these statements, in its spelling, each with the reason to accept it. */
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
    reason: 'Keys decide which models may be called, and change without a deployment.',
  }));
}
