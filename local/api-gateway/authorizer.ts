/**
 * A Lambda authorizer's verdict, as API Gateway reads it: every way it can fail has a gateway response of its own.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
 */
import { type AuthorizerContext, type RequestHead, toAuthorizerEvent } from './events.ts';
import type { BufferedFunction } from './lambda.ts';

/** `refused` names the gateway response that answers instead of the integration. */
export type Verdict =
  | { readonly kind: 'allowed'; readonly context: AuthorizerContext }
  | { readonly kind: 'refused'; readonly response: string; readonly context: AuthorizerContext };

/** Asks the authorizer; nothing is cached. Never rejects. */
export async function authorize(authorizer: BufferedFunction, head: RequestHead): Promise<Verdict> {
  let result: unknown;
  try {
    result = await authorizer.invoke(toAuthorizerEvent(head));
  } catch (error) {
    // The one message that API Gateway knows; all else is a failure.
    const isUnauthorized = error instanceof Error && error.message === 'Unauthorized';
    return refuse(isUnauthorized ? 'UNAUTHORIZED' : 'AUTHORIZER_FAILURE');
  }
  const parsed = parseResult(result);
  if (parsed === undefined) return refuse('AUTHORIZER_CONFIGURATION_ERROR');
  if (!allows(parsed.statements, head.methodArn)) return refuse('ACCESS_DENIED', parsed.context);
  const { principalId, context } = parsed;
  return { kind: 'allowed', context: { ...context, principalId } };
}

const refuse = (response: string, context: AuthorizerContext = {}): Verdict => ({
  kind: 'refused',
  response,
  context,
});

interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}

interface AuthorizerResult {
  readonly principalId: string;
  readonly statements: readonly Statement[];
  readonly context: AuthorizerContext;
}

function parseResult(value: unknown): AuthorizerResult | undefined {
  const { principalId, policyDocument, context } = asRecord(value);
  const { Statement: listed } = asRecord(policyDocument);
  const statements = asList(listed).map(parseStatement);
  const strings = parseContext(context);
  if (typeof principalId !== 'string' || statements.length === 0 || strings === undefined) {
    return undefined;
  }
  if (!statements.every((statement) => statement !== undefined)) return undefined;
  return { principalId, statements, context: strings };
}

function parseStatement(value: unknown): Statement | undefined {
  const { Effect: effect, Action: action, Resource: resource } = asRecord(value);
  if (effect !== 'Allow' && effect !== 'Deny') return undefined;
  return { effect, actions: asList(action).map(String), resources: asList(resource).map(String) };
}

/** Values are strings, numbers or booleans and reach the function as strings; an object or a list is an error. */
function parseContext(value: unknown): AuthorizerContext | undefined {
  const context: Record<string, string> = {};
  for (const [name, entry] of Object.entries(asRecord(value ?? {}))) {
    if (entry === null || entry === undefined) continue;
    if (typeof entry === 'object') return undefined;
    context[name] = String(entry);
  }
  return context;
}

const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};

const asList = (value: unknown): readonly unknown[] => {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
};

/** An explicit Deny wins; without an Allow that covers the method nothing is allowed. */
function allows(statements: readonly Statement[], methodArn: string): boolean {
  const matching = statements.filter(
    ({ actions, resources }) =>
      actions.some((action) => matches(action.toLowerCase(), 'execute-api:invoke')) &&
      resources.some((resource) => matches(resource, methodArn)),
  );
  return (
    matching.some(({ effect }) => effect === 'Allow') &&
    !matching.some(({ effect }) => effect === 'Deny')
  );
}

/** A policy's `*`, which stands for any text. Linear: each part is looked for once, left to right. */
function matches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (!text.startsWith(first)) return false;
  const last = rest.pop();
  if (last === undefined) return text.length === first.length;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
