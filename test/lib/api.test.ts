import { Match, type Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, test } from 'vitest';
import { findResource } from '../../adapters/api-gateway/routes.ts';
import { defineConfig } from '../../core/config.ts';
import { makeTemplate } from '../support/stack.ts';

interface Method {
  readonly HttpMethod: string;
  readonly AuthorizationType: string;
  readonly AuthorizerId?: { readonly Ref: string };
  readonly ResourceId: { readonly Ref?: string; readonly 'Fn::GetAtt'?: readonly [string, string] };
  readonly Integration: Readonly<Record<string, unknown>>;
}

let template: Template;
/** Methods by what a client sees: `ANY /v1/{proxy+}`. */
let methods: ReadonlyMap<string, Method>;

const propertiesOf = <Properties>(type: string): Properties[] =>
  Object.values(template.findResources(type)).map(({ Properties }) => Properties as Properties);

beforeAll(() => {
  template = makeTemplate();
  const resources = template.findResources('AWS::ApiGateway::Resource');
  const pathOf = (id: string | undefined): string => {
    if (id === undefined || resources[id] === undefined) return '';
    const { PathPart, ParentId } = resources[id].Properties;
    return `${pathOf(ParentId.Ref)}/${PathPart}`;
  };
  methods = new Map(
    propertiesOf<Method>('AWS::ApiGateway::Method').map((method) => [
      `${method.HttpMethod} ${pathOf(method.ResourceId.Ref) || '/'}`,
      method,
    ]),
  );
});

const STREAMED = [
  '/v1/chat/completions',
  '/v1/responses',
  '/v1/embeddings',
  '/v1/messages',
  '/v1/messages/count_tokens',
];
const BUFFERED = [
  ...['/', '/{proxy+}', '/v1', '/v1/{proxy+}', '/v1/chat', '/v1/chat/{proxy+}'],
  ...['/v1/models', '/v1/models/{proxy+}', '/v1beta', '/v1beta/{proxy+}'],
  ...['/v1beta/models', '/v1beta/models/{proxy+}'],
  ...STREAMED.map((path) => `${path}/{proxy+}`),
];
/** Resources below which a POST is Google's `<model>:generateContent`. */
const POSTED = ['/v1/models/{proxy+}', '/v1beta/models/{proxy+}'];
/** Routes that anyone may read. */
const OPEN = ['/', '/me', '/console', '/assets/{proxy+}', '/SKILL.md', '/llms.txt'];
const PATHS = [...BUFFERED, ...STREAMED, '/assets', ...OPEN.filter((path) => path !== '/')];

test.each([
  ['POST', '/v1/chat/completions', '/v1/chat/completions'],
  ['POST', '/v1/chat/completions/', '/v1/chat/completions/{proxy+}'],
  ['GET', '/v1/chat', '/v1/chat'],
  ['GET', '/v1/chat/other', '/v1/chat/{proxy+}'],
  ['GET', '/v1/key', '/v1/{proxy+}'],
  ['GET', '/v1/models', '/v1/models'],
  ['GET', '/v1beta/models/m', '/v1beta/models/{proxy+}'],
  ['GET', '/v1beta/other', '/v1beta/{proxy+}'],
  ['GET', '/v2', '/{proxy+}'],
  ['GET', '/me', '/me'],
])('%s %s lies in the same resource here and on this machine', (verb, path, resource) => {
  expect(findResource(verb, path).resource).toBe(resource);
  expect(PATHS).toContain(resource);
});

const methodAt = (name: string): Method => {
  const method = methods.get(name);
  if (method === undefined) throw new Error(`there is no method ${name}`);
  return method;
};

describe('routes', () => {
  test('every path has ANY and OPTIONS, Google’s paths also POST, pages their reads, and no other method', () => {
    const expected = PATHS.flatMap((path) => [`ANY ${path}`, `OPTIONS ${path}`]);
    expected.push(...POSTED.map((path) => `POST ${path}`));
    expected.push(...OPEN.flatMap((path) => [`GET ${path}`, `HEAD ${path}`]));
    expect([...methods.keys()].sort()).toEqual(expected.sort());
  });

  test('no resource is without a method, where API Gateway would answer by itself', () => {
    template.resourceCountIs('AWS::ApiGateway::Resource', PATHS.length - 1);
  });

  // guarantee: no-open-method
  test('no method is open but OPTIONS and the 12 reads of pages', () => {
    const [authorizer] = Object.keys(template.findResources('AWS::ApiGateway::Authorizer'));
    const open = OPEN.flatMap((path) => [`GET ${path}`, `HEAD ${path}`]);
    expect(open).toHaveLength(12);
    for (const name of open) expect(methodAt(name).AuthorizationType).toBe('NONE');
    for (const [name, { HttpMethod, AuthorizationType, AuthorizerId }] of methods) {
      if (HttpMethod === 'OPTIONS' || open.includes(name)) continue;
      expect({ name, AuthorizationType, AuthorizerId }).toEqual({
        name,
        AuthorizationType: 'CUSTOM',
        AuthorizerId: { Ref: authorizer },
      });
    }
  });

  test.each([...STREAMED.map((path) => `ANY ${path}`), ...POSTED.map((path) => `POST ${path}`)])(
    '%s is streamed, for up to 15 minutes',
    (name) => {
      const { Integration } = methodAt(name);
      expect(Integration).toMatchObject({
        Type: 'AWS_PROXY',
        ResponseTransferMode: 'STREAM',
        TimeoutInMillis: 900_000,
      });
      const uri = JSON.stringify(Integration.Uri);
      expect(uri).toContain(':lambda:path/2021-11-15/functions/');
      expect(uri).toContain('/response-streaming-invocations');
      expect(uri).toContain('FunctionsProxy');
    },
  );

  test('pages are read from the pages function, streamed', () => {
    for (const path of OPEN) {
      const { Integration } = methodAt(`GET ${path}`);
      expect(Integration).toMatchObject({ Type: 'AWS_PROXY', ResponseTransferMode: 'STREAM' });
      expect(JSON.stringify(Integration.Uri)).toContain('FunctionsPages');
    }
  });

  test('no page is there where the configuration switches pages off', () => {
    const without = makeTemplate({ config: defineConfig({ providers: {}, pages: false }) });
    without.resourceCountIs('AWS::ApiGateway::Resource', BUFFERED.length + STREAMED.length - 1);
    const text = JSON.stringify(without.toJSON());
    expect(text).not.toContain('FunctionsPages');
  });

  test('everything else is answered by the account function, buffered', () => {
    for (const path of BUFFERED) {
      const { Integration } = methodAt(`ANY ${path}`);
      expect(Integration.Type).toBe('AWS_PROXY');
      expect(Integration.ResponseTransferMode ?? 'BUFFERED').toBe('BUFFERED');
      expect(JSON.stringify(Integration.Uri)).toContain('FunctionsAccount');
    }
  });

  test('a preflight is answered on every path without a function, from any origin', () => {
    for (const path of PATHS) {
      const { AuthorizationType, Integration } = methodAt(`OPTIONS ${path}`);
      expect(AuthorizationType).toBe('NONE');
      expect(Integration).toMatchObject({
        Type: 'MOCK',
        RequestTemplates: { 'application/json': '{"statusCode":204}' },
        IntegrationResponses: [
          {
            StatusCode: '204',
            ResponseParameters: {
              'method.response.header.access-control-allow-origin': "'*'",
              'method.response.header.access-control-allow-methods':
                "'GET,POST,PATCH,DELETE,OPTIONS'",
              'method.response.header.access-control-allow-headers': expect.stringMatching(
                /^'authorization,[a-z0-9,-]*\buser-agent\b[a-z0-9,-]*'$/,
              ),
              'method.response.header.access-control-max-age': "'7200'",
              'method.response.header.x-request-id': 'context.requestId',
            },
          },
        ],
      });
    }
  });
});

describe('the authorizer', () => {
  test('runs for every request, whatever headers it has', () => {
    const authorizers = propertiesOf<Record<string, unknown>>('AWS::ApiGateway::Authorizer');
    expect(authorizers).toHaveLength(1);
    expect(authorizers[0]).toMatchObject({ Type: 'REQUEST', AuthorizerResultTtlInSeconds: 0 });
    expect(authorizers[0]).not.toHaveProperty('IdentitySource');
    expect(authorizers[0]).not.toHaveProperty('IdentityValidationExpression');
  });
});

describe('gateway responses', () => {
  interface GatewayResponse {
    readonly ResponseType: string;
    readonly StatusCode: string;
    readonly ResponseParameters: Readonly<Record<string, string>>;
    readonly ResponseTemplates: Readonly<Record<string, string>>;
  }
  const responses = () => propertiesOf<GatewayResponse>('AWS::ApiGateway::GatewayResponse');

  test('give each kind of answer its status', () => {
    const statuses = responses().map(({ ResponseType, StatusCode }) => [ResponseType, StatusCode]);
    expect(Object.fromEntries(statuses)).toEqual({
      ACCESS_DENIED: '401',
      UNAUTHORIZED: '401',
      UNSUPPORTED_MEDIA_TYPE: '415',
      WAF_FILTERED: '403',
      AUTHORIZER_FAILURE: '503',
      AUTHORIZER_CONFIGURATION_ERROR: '503',
      MISSING_AUTHENTICATION_TOKEN: '404',
      RESOURCE_NOT_FOUND: '404',
      REQUEST_TOO_LARGE: '413',
      THROTTLED: '429',
      INTEGRATION_TIMEOUT: '504',
      // Under each type's own status.
      DEFAULT_4XX: undefined,
      DEFAULT_5XX: undefined,
      INTEGRATION_FAILURE: '503',
    });
  });

  test('all carry CORS headers, a content type and the request id', () => {
    for (const { ResponseParameters } of responses()) {
      expect(ResponseParameters).toMatchObject({
        'gatewayresponse.header.access-control-allow-origin': "'*'",
        'gatewayresponse.header.access-control-expose-headers': expect.stringMatching(
          /^'retry-after,[a-z-]+(,[a-z-]+)*'$/,
        ),
        'gatewayresponse.header.content-type': "'application/json'",
        'gatewayresponse.header.x-request-id': 'context.requestId',
      });
    }
  });

  test('say how to authenticate with a 401, and when to retry with a 429', () => {
    const headerOf = (type: string, name: string) =>
      responses().find(({ ResponseType }) => ResponseType === type)?.ResponseParameters[
        `gatewayresponse.header.${name}`
      ];
    expect(headerOf('ACCESS_DENIED', 'www-authenticate')).toBe("'Bearer'");
    expect(headerOf('UNAUTHORIZED', 'www-authenticate')).toBe("'Bearer'");
    expect(headerOf('THROTTLED', 'retry-after')).toBe("'1'");
  });

  test('are JSON after their variables are filled in', () => {
    for (const { ResponseTemplates } of responses()) {
      expect(Object.keys(ResponseTemplates)).toEqual(['application/json']);
      const body = JSON.parse(ResponseTemplates['application/json'] ?? '');
      expect(body).toMatchObject({
        type: 'error',
        error: { type: expect.any(String), code: expect.any(String), param: null },
        request_id: '$context.requestId',
      });
    }
  });

  // guarantee: no-echo
  test('never print the message of an error, in which API Gateway may echo a credential', () => {
    const text = JSON.stringify(template.toJSON());
    expect(text).not.toContain('$context.error.message');
    expect(text).not.toContain('$context.error.validationErrorString');
  });

  // guarantee: no-echo
  test('print no variable but the request id and the constants of the authorizer', () => {
    const variables = new Set(
      responses().flatMap(({ ResponseTemplates }) =>
        Object.values(ResponseTemplates).flatMap((body) => body.match(/\$[\w.]+/g) ?? []),
      ),
    );
    expect([...variables].sort()).toEqual([
      '$context.authorizer.code',
      '$context.authorizer.message',
      '$context.authorizer.type',
      '$context.requestId',
    ]);
  });
});

describe('the stage', () => {
  // guarantee: model-list-small
  test('compresses buffered answers of 4 kB or more', () => {
    template.hasResourceProperties('AWS::ApiGateway::RestApi', { MinimumCompressionSize: 4_096 });
  });

  interface Stage {
    readonly AccessLogSetting: { readonly Format: string };
    readonly MethodSettings: readonly {
      readonly HttpMethod: string;
      readonly ResourcePath: string;
    }[];
  }
  const stage = (): Stage => {
    const [only, ...others] = propertiesOf<Stage>('AWS::ApiGateway::Stage');
    if (only === undefined || others.length > 0) throw new Error('there must be one stage');
    return only;
  };

  test('is prod, of a regional API, throttled, without data traces or execution logs', () => {
    template.hasResourceProperties('AWS::ApiGateway::RestApi', {
      EndpointConfiguration: { Types: ['REGIONAL'] },
    });
    template.hasResourceProperties('AWS::ApiGateway::Stage', {
      StageName: 'prod',
      TracingEnabled: false,
      MethodSettings: Match.arrayWith([
        Match.objectLike({
          ResourcePath: '/*',
          HttpMethod: '*',
          DataTraceEnabled: false,
          LoggingLevel: 'OFF',
          ThrottlingRateLimit: 200,
          ThrottlingBurstLimit: 400,
        }),
      ]),
    });
  });

  test('throttles at the configured rate and burst', () => {
    makeTemplate({ requestsPerSecondMax: 20, burstMax: 40 }).hasResourceProperties(
      'AWS::ApiGateway::Stage',
      {
        MethodSettings: Match.arrayWith([
          Match.objectLike({
            ResourcePath: '/*',
            ThrottlingRateLimit: 20,
            ThrottlingBurstLimit: 40,
          }),
        ]),
      },
    );
  });

  test('throttles each open method by itself, and logs no more of it than of others', () => {
    const settings = stage().MethodSettings.filter(({ ResourcePath }) => ResourcePath !== '/*');
    expect(settings.map(({ HttpMethod, ResourcePath }) => `${HttpMethod} ${ResourcePath}`)).toEqual(
      ['/', '/~1me', '/~1console', '/~1assets~1{proxy+}', '/~1SKILL.md', '/~1llms.txt'].flatMap(
        (path) => [`GET ${path}`, `HEAD ${path}`],
      ),
    );
    for (const each of settings) {
      expect(each).toMatchObject({
        ThrottlingRateLimit: 50,
        ThrottlingBurstLimit: 100,
        DataTraceEnabled: false,
        LoggingLevel: 'OFF',
      });
    }
  });

  // guarantee: one-request-id
  test('logs the id of the function’s call, which its answer and its log lines have', () => {
    expect(JSON.parse(stage().AccessLogSetting.Format)).toMatchObject({
      requestId: '$context.requestId',
      functionRequestId: '$context.integration.requestId',
    });
  });

  // guarantee: no-credential-in-access-log
  test('logs no requested path, query, header, authorizer context or message', () => {
    const { Format } = stage().AccessLogSetting;
    expect(Object.values(JSON.parse(Format)).sort()).toEqual([
      '$context.authorizer.latency',
      '$context.authorizer.status',
      '$context.error.responseType',
      '$context.httpMethod',
      '$context.identity.sourceIp',
      '$context.integration.latency',
      '$context.integration.requestId',
      '$context.integration.status',
      '$context.requestId',
      '$context.requestTimeEpoch',
      '$context.resourcePath',
      '$context.responseLatency',
      '$context.responseLength',
      '$context.status',
    ]);
  });

  test('leaves the account’s log role, which other teams share, unless it is to be set', () => {
    template.resourceCountIs('AWS::ApiGateway::Account', 0);
    makeTemplate({ setLogRole: true }).resourceCountIs('AWS::ApiGateway::Account', 1);
  });
});
