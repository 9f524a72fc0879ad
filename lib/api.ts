/**
 * Makes the HTTP API: routes, authorizer, preflight, gateway responses, access log.
 * Invariant: every method is behind the authorizer, but OPTIONS on every path and the `GET` and `HEAD` of pages.
 */
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import {
  AccessLogFormat,
  AuthorizationType,
  AwsIntegration,
  CfnAuthorizer,
  EndpointType,
  type Integration,
  type IResource,
  LogGroupLogDestination,
  type MethodDeploymentOptions,
  MethodLoggingLevel,
  type MethodOptions,
  MockIntegration,
  RequestAuthorizer,
  ResponseTransferMode,
  ResponseType,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import {
  CORS_HEADERS,
  GATEWAY_RESPONSES,
  PREFLIGHT_HEADERS,
  toGatewayBody,
} from '../adapters/api-gateway/responses.ts';
import {
  PAGE_METHODS,
  PAGE_RESOURCES,
  PROXIED_PARENTS,
  PROXIED_RESOURCES,
} from '../adapters/api-gateway/routes.ts';
import { type Functions, STREAM_TIMEOUT } from './functions.ts';

const STAGE = 'prod';
/** Requests for one page per second, and at once. Strangers take them from no one else's share of the stage. */
const PAGE_THROTTLE = { throttlingRateLimit: 50, throttlingBurstLimit: 100 };
/** Execution logs hold headers and queries, and so credentials. */
const NO_EXECUTION_LOG = { loggingLevel: MethodLoggingLevel.OFF, dataTraceEnabled: false };

export interface ApiProps {
  readonly functions: Functions;
  /** Requests per second that are accepted, before any function runs. */
  readonly requestsPerSecond: number;
  /** Requests at one instant that are accepted. */
  readonly burst: number;
  /** True sets the role by which API Gateway writes logs, one for each account and region. */
  readonly setLogRole: boolean;
}

/** API Gateway fills these in. Each is a constant or a number: no path, query, header or error message. */
const ACCESS_LOG = {
  requestId: '$context.requestId',
  time: '$context.requestTimeEpoch',
  ip: '$context.identity.sourceIp',
  method: '$context.httpMethod',
  resource: '$context.resourcePath',
  status: '$context.status',
  responseType: '$context.error.responseType',
  latencyMs: '$context.responseLatency',
  responseBytes: '$context.responseLength',
  authorizerStatus: '$context.authorizer.status',
  authorizerLatencyMs: '$context.authorizer.latency',
  integrationStatus: '$context.integration.status',
  integrationLatencyMs: '$context.integration.latency',
};

export class Api extends Construct {
  readonly restApi: RestApi;

  constructor(scope: Construct, id: string, props: ApiProps) {
    super(scope, id);
    this.restApi = this.makeRestApi(props);
    for (const response of GATEWAY_RESPONSES) this.addGatewayResponse(response);
    this.addRoutes(props.functions);
  }

  /** The URL for clients, which ends in `/v1`. */
  get baseUrl(): string {
    return this.restApi.urlForPath('/v1');
  }

  private makeRestApi({ functions, requestsPerSecond, burst, setLogRole }: ApiProps): RestApi {
    const accessLog = new LogGroup(this, 'AccessLog', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const restApi = new RestApi(this, 'RestApi', {
      restApiName: 'hallpass',
      // An EDGE endpoint closes a stream that is silent for 30 seconds, a REGIONAL one after 5 minutes.
      endpointConfiguration: { types: [EndpointType.REGIONAL] },
      cloudWatchRole: setLogRole,
      deployOptions: {
        stageName: STAGE,
        throttlingRateLimit: requestsPerSecond,
        throttlingBurstLimit: burst,
        metricsEnabled: true,
        ...NO_EXECUTION_LOG,
        methodOptions: functions.pages === undefined ? {} : pageThrottles(),
        tracingEnabled: false,
        accessLogDestination: new LogGroupLogDestination(accessLog),
        accessLogFormat: AccessLogFormat.custom(JSON.stringify(ACCESS_LOG)),
      },
    });
    restApi.node.tryRemoveChild('Endpoint'); // Its output lacks /v1. The stack has the output that clients need.
    this.acknowledgeFindings(restApi);
    return restApi;
  }

  private acknowledgeFindings(restApi: RestApi): void {
    const logPolicy = 'service-role/AmazonAPIGatewayPushToCloudWatchLogs';
    Validations.of(restApi).acknowledge(
      {
        id: 'AwsSolutions-APIG2',
        reason:
          'Bodies are parsed by the functions, which refuse them in the words of the dialect.',
      },
      {
        id: 'AwsSolutions-APIG3',
        reason: 'A web ACL costs money while idle; throttling and the authorizer come first.',
      },
      {
        id: 'AwsSolutions-APIG6',
        reason:
          'Execution logs hold headers and queries, and so credentials; there are access logs.',
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

  private addGatewayResponse(response: (typeof GATEWAY_RESPONSES)[number]): void {
    const { type, status, headers, error } = response;
    this.restApi.addGatewayResponse(type, {
      type: ResponseType.of(type),
      statusCode: String(status),
      responseHeaders: {
        ...mapValues({ ...CORS_HEADERS, ...headers, 'content-type': 'application/json' }, quote),
        'x-request-id': 'context.requestId',
      },
      templates: { 'application/json': toGatewayBody(error, '$context.requestId') },
    });
  }

  /** Runs for every request. Each header that it reads may be absent, so none can identify a cached result. */
  private makeAuthorizer(handler: IFunction): RequestAuthorizer {
    const authorizer = new RequestAuthorizer(this, 'Authorizer', {
      handler,
      identitySources: [],
      resultsCacheTtl: Duration.seconds(0),
    });
    const resource = authorizer.node.defaultChild;
    // CDK writes an empty text, but there must be none.
    if (resource instanceof CfnAuthorizer) resource.addPropertyDeletionOverride('IdentitySource');
    return authorizer;
  }

  /**
   * Makes the integration of a function, and the one permission by which API Gateway calls it. CDK's own integration
   * adds one for each method, and a function's policy has room for 45.
   */
  private integrate(name: string, handler: IFunction, isStreamed: boolean): Integration {
    const { restApi } = this;
    handler.addPermission(`${name}Api`, {
      principal: new ServicePrincipal('apigateway.amazonaws.com'),
      sourceArn: restApi.arnForExecuteApi('*', '/*', restApi.deploymentStage.stageName),
    });
    const { functionArn } = handler;
    return new AwsIntegration({
      service: 'lambda',
      proxy: true,
      path: isStreamed
        ? `2021-11-15/functions/${functionArn}/response-streaming-invocations`
        : `2015-03-31/functions/${functionArn}/invocations`,
      options: isStreamed
        ? { responseTransferMode: ResponseTransferMode.STREAM, timeout: STREAM_TIMEOUT }
        : {},
    });
  }

  private addRoutes({ authorizer, proxy, account, pages }: Functions): void {
    const guarded: MethodOptions = {
      authorizationType: AuthorizationType.CUSTOM,
      authorizer: this.makeAuthorizer(authorizer),
    };
    const buffered = this.integrate('Account', account, false);
    const streamed = this.integrate('Proxy', proxy, true);
    const { root } = this.restApi;
    const toResource = (path: string): IResource => root.resourceForPath(path);
    const proxied = new Set<IResource>(PROXIED_RESOURCES.map(toResource));
    const parents = new Set<IResource>(PROXIED_PARENTS.map(toResource));
    // A resource without a method would answer by itself, without the authorizer. So each gets methods.
    for (const resource of withAncestors([...proxied, ...parents])) {
      addMethods(resource, proxied.has(resource) ? streamed : buffered, guarded);
      const below = resource.addResource('{proxy+}');
      addMethods(below, buffered, guarded);
      if (parents.has(resource)) below.addMethod('POST', streamed, guarded);
    }
    if (pages !== undefined) this.addPages(pages, buffered, guarded);
  }

  /** Adds the open methods. Every other method of a page is the account function's, behind the authorizer. */
  private addPages(pages: IFunction, buffered: Integration, guarded: MethodOptions): void {
    const open = this.integrate('Pages', pages, true);
    const { root } = this.restApi;
    const resources = PAGE_RESOURCES.map((path) => root.resourceForPath(path));
    for (const resource of withAncestors(resources)) {
      if (resource !== root) addMethods(resource, buffered, guarded);
    }
    for (const resource of resources) {
      for (const name of PAGE_METHODS) {
        const method = resource.addMethod(name, open, {
          authorizationType: AuthorizationType.NONE,
        });
        Validations.of(method).acknowledge({
          id: 'AwsSolutions-APIG4',
          reason: 'A page is a constant file; it is the same for everyone.',
        });
      }
    }
  }
}

/** The throttle of each open method, by its path. */
function pageThrottles(): Record<string, MethodDeploymentOptions> {
  const methods = PAGE_RESOURCES.flatMap((path) => PAGE_METHODS.map((name) => `${path}/${name}`));
  const options = { ...PAGE_THROTTLE, ...NO_EXECUTION_LOG, metricsEnabled: true };
  return Object.fromEntries(methods.map((method) => [method, options]));
}

/** Returns the resources and all their ancestors, each once. */
function withAncestors(resources: Iterable<IResource>): Set<IResource> {
  const all = new Set<IResource>();
  for (let resource of resources) {
    all.add(resource);
    while (resource.parentResource) {
      resource = resource.parentResource;
      all.add(resource);
    }
  }
  return all;
}

/** Adds `ANY` behind the authorizer and the one open method, `OPTIONS`, which API Gateway answers by itself. */
function addMethods(resource: IResource, to: Integration, guarded: MethodOptions): void {
  resource.addMethod('ANY', to, guarded);
  const inMethod = (name: string) => `method.response.header.${name}`;
  const headers = {
    ...mapValues(PREFLIGHT_HEADERS, quote),
    'x-request-id': 'context.requestId',
  };
  const preflight = new MockIntegration({
    requestTemplates: { 'application/json': '{"statusCode":204}' },
    integrationResponses: [
      {
        statusCode: '204',
        responseParameters: mapKeys(headers, inMethod),
      },
    ],
  });
  const options = resource.addMethod('OPTIONS', preflight, {
    authorizationType: AuthorizationType.NONE,
    methodResponses: [
      {
        statusCode: '204',
        responseParameters: mapValues(mapKeys(headers, inMethod), () => true),
      },
    ],
  });
  Validations.of(options).acknowledge({
    id: 'AwsSolutions-APIG4',
    reason: 'A browser sends no credential with a preflight; the answer holds constants only.',
  });
}

/** Spells a constant for API Gateway's mappings. */
const quote = (value: string): string => `'${value}'`;

const mapValues = <A, B>(record: Readonly<Record<string, A>>, to: (value: A) => B) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, to(value)]));

const mapKeys = <A>(record: Readonly<Record<string, A>>, to: (name: string) => string) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [to(name), value]));
