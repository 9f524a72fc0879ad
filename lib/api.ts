/**
 * Makes the HTTP API: routes, authorizer, preflight, gateway responses, access log.
 * Invariant: every method is behind the authorizer, but OPTIONS on every path, the `GET` and `HEAD` of pages, and the
 * methods of sign-in that are listed.
 */
import { Duration, RemovalPolicy, Size, Stack, Validations } from 'aws-cdk-lib';
import {
  AccessLogFormat,
  AuthorizationType,
  AwsIntegration,
  CfnAuthorizer,
  EndpointType,
  type Integration,
  type IResource,
  LogGroupLogDestination,
  type MethodOptions,
  RequestAuthorizer,
  ResponseTransferMode,
  ResponseType,
  RestApi,
  SecurityPolicy,
} from 'aws-cdk-lib/aws-apigateway';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';
import { Construct } from 'constructs';
import {
  COMPRESSED_BYTES_MIN,
  CORS_HEADERS,
  GATEWAY_RESPONSES,
  toGatewayBody,
} from '../adapters/api-gateway/responses.ts';
import {
  PAGE_METHODS,
  PAGE_RESOURCES,
  PROXIED_PARENTS,
  PROXIED_RESOURCES,
  SIGN_IN_METHODS,
} from '../adapters/api-gateway/routes.ts';
import { addMethods, mapValues, quote, withAncestors } from './api-methods.ts';
import {
  acknowledgeFindings,
  endpointOf,
  METRICS_BY_METHOD,
  NO_EXECUTION_LOG,
  setThrottles,
} from './api-settings.ts';
import { type Functions, timeoutOf } from './functions.ts';
import type { HallpassProps } from './props.ts';

const STAGE = 'prod';
const REQUESTS_PER_SECOND_MAX = 200;
const BURST_MAX = 400;

export interface ApiProps extends HallpassProps {
  readonly lambdas: Functions;
}

/** API Gateway fills these in. Each is a constant or a number: no path, query, header or error message. */
const ACCESS_LOG = {
  // The `x-request-id` of an answer of API Gateway itself, and that of a function's answer.
  requestId: '$context.requestId',
  functionRequestId: '$context.integration.requestId',
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
  private readonly props: ApiProps;

  constructor(scope: Construct, id: string, props: ApiProps) {
    super(scope, id);
    this.props = props;
    this.restApi = this.makeRestApi();
    for (const response of GATEWAY_RESPONSES) this.addGatewayResponse(response);
    this.addRoutes(props.lambdas);
    setThrottles(this.restApi, props.throttles);
    this.addDomain();
    if (props.webAclArn !== undefined) this.addWebAcl(props.webAclArn);
  }

  /** The URL for clients, which ends in `/v1`. */
  get baseUrl(): string {
    const { domain } = this.props;
    if (domain === undefined) return this.restApi.urlForPath('/v1');
    const { name, basePath } = domain;
    return `https://${name}${basePath === undefined ? '' : `/${basePath}`}/v1`;
  }

  /** The name to which the domain's record must point, if there is a domain. */
  get domainTarget(): string | undefined {
    return this.restApi.domainName?.domainNameAliasDomainName;
  }

  private makeRestApi(): RestApi {
    const { stageName = STAGE, setLogRole = false, tracing = false, privateEndpoint } = this.props;
    const { requestsPerSecondMax = REQUESTS_PER_SECOND_MAX, burstMax = BURST_MAX } = this.props;
    const { encryptionKey } = this.props;
    const accessLog = new LogGroup(this, 'AccessLog', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
      ...(encryptionKey && { encryptionKey }),
    });
    const restApi = new RestApi(this, 'RestApi', {
      restApiName: Stack.of(this).stackName,
      ...endpointOf(privateEndpoint),
      cloudWatchRole: setLogRole,
      minCompressionSize: Size.bytes(COMPRESSED_BYTES_MIN),
      deployOptions: {
        stageName,
        throttlingRateLimit: requestsPerSecondMax,
        throttlingBurstLimit: burstMax,
        metricsEnabled: METRICS_BY_METHOD,
        ...NO_EXECUTION_LOG,
        tracingEnabled: tracing,
        accessLogDestination: new LogGroupLogDestination(accessLog),
        accessLogFormat: AccessLogFormat.custom(JSON.stringify(ACCESS_LOG)),
      },
    });
    restApi.node.tryRemoveChild('Endpoint'); // Its output lacks /v1. The stack has the output that clients need.
    acknowledgeFindings(restApi);
    return restApi;
  }

  private addGatewayResponse(response: (typeof GATEWAY_RESPONSES)[number]): void {
    const { type, status, headers, error } = response;
    this.restApi.addGatewayResponse(type, {
      type: ResponseType.of(type),
      // A status here would be that of every type without a row.
      ...(type.startsWith('DEFAULT_') ? {} : { statusCode: String(status) }),
      responseHeaders: {
        ...mapValues({ ...CORS_HEADERS, ...headers, 'content-type': 'application/json' }, quote),
        'x-request-id': 'context.requestId',
      },
      templates: { 'application/json': toGatewayBody(error, '$context.requestId') },
    });
  }

  private addDomain(): void {
    const { domain } = this.props;
    if (domain === undefined) return;
    const { name: domainName, certificate, basePath } = domain;
    this.restApi.addDomainName('Domain', {
      domainName,
      certificate,
      endpointType: EndpointType.REGIONAL,
      securityPolicy: SecurityPolicy.TLS_1_2,
      ...(basePath === undefined ? {} : { basePath }),
    });
  }

  private addWebAcl(webAclArn: string): void {
    const { stageArn: resourceArn } = this.restApi.deploymentStage;
    new CfnWebACLAssociation(this, 'WebAcl', { resourceArn, webAclArn });
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
    // A changed authorizer needs a new deployment. CDK sees to it only under a flag, which a consumer's app may lack.
    this.restApi.latestDeployment?.addToLogicalId({ authorizer: handler.functionArn });
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
        ? { responseTransferMode: ResponseTransferMode.STREAM, timeout: timeoutOf('proxy') }
        : {},
    });
  }

  private addRoutes({ authorizer, proxy, account, pages, signIn }: Functions): void {
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
    if (pages !== undefined) {
      const methods = PAGE_RESOURCES.map((path) => [path, PAGE_METHODS] as const);
      this.addOpen(methods, this.integrate('Pages', pages, true), { to: buffered, guarded });
    }
    if (signIn !== undefined) {
      const methods = Object.entries(SIGN_IN_METHODS);
      this.addOpen(methods, this.integrate('SignIn', signIn, false), { to: buffered, guarded });
    }
  }

  /** Adds open methods. Every other method of their resources is the account function's, behind the authorizer. */
  private addOpen(
    methods: readonly (readonly [path: string, names: readonly string[]])[],
    open: Integration,
    rest: { readonly to: Integration; readonly guarded: MethodOptions },
  ): void {
    const { root } = this.restApi;
    const resources = methods.map(([path, names]) => [root.resourceForPath(path), names] as const);
    for (const resource of withAncestors(resources.map(([resource]) => resource))) {
      if (resource !== root) addMethods(resource, rest.to, rest.guarded);
    }
    for (const [resource, names] of resources) {
      for (const name of names) {
        const method = resource.addMethod(name, open, {
          authorizationType: AuthorizationType.NONE,
        });
        Validations.of(method).acknowledge({
          id: 'AwsSolutions-APIG4',
          reason: 'A page is a constant file; sign-in is how a person gets a credential.',
        });
      }
    }
  }
}
