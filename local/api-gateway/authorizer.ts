/**
 * Calls the Lambda authorizer and reads its answer as API Gateway does. Each way to fail has a gateway response of its
 * own. Of policies it knows the one shape that our authorizer gives; any other is a configuration error.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
 */
import * as v from 'valibot';
import { API_ARN, type AuthorizerContext, type RequestHead, toAuthorizerEvent } from './events.ts';
import type { BufferedFunction } from './lambda.ts';

/** A refusal names the gateway response that answers in place of the integration. */
export type AuthorizerDecision =
  | { readonly kind: 'allowed'; readonly context: AuthorizerContext }
  | { readonly kind: 'refused'; readonly response: string; readonly context: AuthorizerContext };

/** One statement about the whole API and stage. Context values are strings. */
const resultSchema = v.strictObject({
  principalId: v.string(),
  policyDocument: v.strictObject({
    Version: v.literal('2012-10-17'),
    Statement: v.strictTuple([
      v.strictObject({
        Action: v.literal('execute-api:Invoke'),
        Effect: v.picklist(['Allow', 'Deny']),
        Resource: v.literal(`${API_ARN}/*`),
      }),
    ]),
  }),
  context: v.record(v.string(), v.string()),
});

/** Calls the authorizer for every request; nothing is cached. Never rejects. */
export async function authorize(
  authorizer: BufferedFunction,
  head: RequestHead,
): Promise<AuthorizerDecision> {
  let result: unknown;
  try {
    result = await authorizer.invoke(toAuthorizerEvent(head));
  } catch {
    return refuse('AUTHORIZER_FAILURE'); // The function has logged why.
  }
  const parsed = v.safeParse(resultSchema, result);
  if (!parsed.success) return refuse('AUTHORIZER_CONFIGURATION_ERROR');
  const { principalId, policyDocument, context } = parsed.output;
  const [{ Effect: effect }] = policyDocument.Statement;
  return effect === 'Allow'
    ? { kind: 'allowed', context: { ...context, principalId } }
    : refuse('ACCESS_DENIED', context);
}

const refuse = (response: string, context: AuthorizerContext = {}): AuthorizerDecision => ({
  kind: 'refused',
  response,
  context,
});
