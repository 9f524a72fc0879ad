/**
 * Methods of a resource: all behind the authorizer but OPTIONS.
 */
import { Validations } from 'aws-cdk-lib';
import {
  AuthorizationType,
  type Integration,
  type IResource,
  type MethodOptions,
  MockIntegration,
} from 'aws-cdk-lib/aws-apigateway';
import { PREFLIGHT_HEADERS } from '../adapters/api-gateway/responses.ts';

/** Returns the resources and all their ancestors, each once. */
export function withAncestors(resources: Iterable<IResource>): Set<IResource> {
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
export function addMethods(resource: IResource, to: Integration, guarded: MethodOptions): void {
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
export const quote = (value: string): string => `'${value}'`;

export const mapValues = <A, B>(record: Readonly<Record<string, A>>, to: (value: A) => B) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, to(value)]));

const mapKeys = <A>(record: Readonly<Record<string, A>>, to: (name: string) => string) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [to(name), value]));
