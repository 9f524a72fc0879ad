/**
 * Settings of the API as a whole: its endpoint, the throttles of its methods, and what cdk-nag may find.
 */
import { Stack, Validations } from 'aws-cdk-lib';
import {
  CfnStage,
  EndpointType,
  type Method,
  MethodLoggingLevel,
  type RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import type { IVpcEndpoint } from 'aws-cdk-lib/aws-ec2';
import { AnyPrincipal, Effect, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import {
  PAGE_METHODS,
  PROXIED_RESOURCES,
  SIGN_IN_METHODS,
} from '../adapters/api-gateway/routes.ts';
import type { HallpassProps, RouteGroup, Throttle } from './props.ts';

/** Requests for one page per second, and at once. Strangers take them from no one else's share of the stage. */
const PAGE_THROTTLE: Throttle = { requestsPerSecondMax: 50, burstMax: 100 };
/** The same for one route of sign-in. */
const SIGN_IN_THROTTLE: Throttle = { requestsPerSecondMax: 20, burstMax: 40 };
/** Metrics of the API as a whole are free. Those of each method cost 0.30 USD each, five for a method in use. */
export const METRICS_BY_METHOD = false;
/** Execution logs hold headers and queries, and so credentials. */
export const NO_EXECUTION_LOG = { loggingLevel: MethodLoggingLevel.OFF, dataTraceEnabled: false };

type MethodSetting = CfnStage.MethodSettingProperty;

function toMethodSetting(
  { httpMethod, resource }: Method,
  { requestsPerSecondMax, burstMax }: Throttle,
): MethodSetting {
  return {
    httpMethod,
    // The root alone is a bare slash.
    resourcePath: resource.path === '/' ? '/' : `/${resource.path.replaceAll('/', '~1')}`,
    throttlingRateLimit: requestsPerSecondMax,
    throttlingBurstLimit: burstMax,
    metricsEnabled: METRICS_BY_METHOD,
    ...NO_EXECUTION_LOG,
  };
}

/** Finds the group of a method by the function that serves it. */
function groupOf({ httpMethod, resource }: Method): RouteGroup {
  const { path } = resource;
  if (SIGN_IN_METHODS[path]?.includes(httpMethod)) return 'signIn';
  const isOpen = PAGE_METHODS.some((name) => name === httpMethod);
  if (isOpen) return 'pages';
  const isProxied = PROXIED_RESOURCES.some((each) => each === path) || httpMethod === 'POST';
  return isProxied ? 'models' : 'account';
}

/** An EDGE endpoint closes a stream that is silent for 30 seconds, the others after 5 minutes. */
export function endpointOf(privateEndpoint: IVpcEndpoint | undefined) {
  if (privateEndpoint === undefined) {
    return { endpointConfiguration: { types: [EndpointType.REGIONAL] } };
  }
  const through = new PolicyStatement({
    effect: Effect.ALLOW,
    principals: [new AnyPrincipal()],
    actions: ['execute-api:Invoke'],
    resources: ['execute-api:/*'],
    conditions: { StringEquals: { 'aws:SourceVpce': privateEndpoint.vpcEndpointId } },
  });
  return {
    endpointConfiguration: { types: [EndpointType.PRIVATE], vpcEndpoints: [privateEndpoint] },
    policy: new PolicyDocument({ statements: [through] }),
  };
}

/** Sets the throttle of each method of a group that has one. */
export function setThrottles(restApi: RestApi, throttles: HallpassProps['throttles']): void {
  const stage = restApi.deploymentStage.node.defaultChild;
  if (!(stage instanceof CfnStage)) return;
  const ofGroup = { pages: PAGE_THROTTLE, signIn: SIGN_IN_THROTTLE, ...throttles };
  const settings = restApi.methods.flatMap((method): MethodSetting[] => {
    const throttle = ofGroup[groupOf(method)];
    return method.httpMethod === 'OPTIONS' || throttle === undefined
      ? []
      : [toMethodSetting(method, throttle)];
  });
  const common = Stack.of(stage).resolve(stage.methodSettings);
  stage.methodSettings = [...common, ...settings];
}

/** Names cdk-nag's findings on the API, each with the reason to accept it. */
export function acknowledgeFindings(restApi: RestApi): void {
  const logPolicy = 'service-role/AmazonAPIGatewayPushToCloudWatchLogs';
  Validations.of(restApi).acknowledge(
    {
      id: 'AwsSolutions-APIG2',
      reason: 'Bodies are parsed by the functions, which refuse them in the words of the dialect.',
    },
    {
      id: 'AwsSolutions-APIG3',
      reason: 'A web ACL costs money while idle; throttling and the authorizer come first.',
    },
    {
      id: 'AwsSolutions-APIG6',
      reason: 'Execution logs hold headers and queries, and so credentials; there are access logs.',
    },
    {
      id: 'Serverless-APIGWXrayEnabled',
      reason: 'Access logs hold the times of each part; a trace costs more than its request.',
    },
    {
      id: 'AwsSolutions-COG4',
      reason: 'Callers hold keys and scoped tokens, which the Lambda authorizer verifies.',
    },
    {
      id: `AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${logPolicy}]`,
      reason: 'The role of API Gateway itself; AWS keeps its policy to what log delivery needs.',
    },
  );
}
