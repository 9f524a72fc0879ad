/**
 * Sign-in: from a person's login, a device or a workflow to a scoped token. Everyone may call these routes.
 *
 * Steps of each request, in order:
 * 1. read the parameters, at most 16 kB, each once;
 * 2. check what costs nothing;
 * 3. only then ask the provider, the issuer or the table.
 *
 * Guarantees: every way ends in an ordinary scoped token; no secret is stored in clear; an outage is 503, never a refusal.
 */
import { type SignInAnswer, toErrorAnswer, toErrorPageAnswer } from './sign-in/answer.ts';
import { EXCHANGE_GRANT, type ExchangePorts, exchange } from './sign-in/exchange.ts';
import { need, readForm, type SignInRequest } from './sign-in/form.ts';
import { endLogin, type LoginPorts, startLogin } from './sign-in/login.ts';
import { toMetadata } from './sign-in/metadata.ts';
import { OAuthError, toOAuthError } from './sign-in/oauth-error.ts';
import type { SignInSettings } from './sign-in/settings.ts';

export interface SignInPorts extends ExchangePorts, LoginPorts {
  readonly settings: SignInSettings;
}

type Route = (request: SignInRequest, ports: SignInPorts) => Promise<SignInAnswer>;

const ROUTES: Readonly<Record<string, Route>> = {
  'GET /.well-known/oauth-authorization-server': async (_, { publicUrl }) => toMetadata(publicUrl),
  'POST /oauth/token': answerToken,
  'GET /oauth/login': startLogin,
  'GET /oauth/callback': endLogin,
};

/** The routes that a person sees in a browser. */
const PAGES = /^\/(oauth\/(login|callback|authorize)|device|enrol)\/?$/;

/** Answers a request. Never rejects. */
export async function signIn(request: SignInRequest, ports: SignInPorts): Promise<SignInAnswer> {
  const name = `${request.method} ${request.path.replace(/\/$/, '')}`;
  const route = Object.hasOwn(ROUTES, name) ? ROUTES[name] : undefined;
  try {
    if (route === undefined) throw new OAuthError('invalid_request', 'there is no such route');
    return await route(request, ports);
  } catch (thrown) {
    const error = toOAuthError(thrown);
    const level = error.status >= 500 ? 'error' : 'info';
    ports.log.write({ level, event: 'sign-in refused', ...detailOf(error) });
    return PAGES.test(request.path) ? toErrorPageAnswer(error) : toErrorAnswer(error);
  }
}

/** For the log: the code, and in an outage the reason. A description may hold names of a rule, so it stays out. */
function detailOf({ code, status, cause }: OAuthError) {
  const reason = status >= 500 && cause instanceof Error && 'detail' in cause ? cause.detail : '';
  return { detail: `${code} ${String(reason ?? '')}`.trim(), httpStatus: status };
}

async function answerToken(request: SignInRequest, ports: SignInPorts): Promise<SignInAnswer> {
  const parameters = readForm(request);
  const grantType = need(parameters, 'grant_type');
  if (grantType === EXCHANGE_GRANT) return exchange(parameters, ports.settings.exchange, ports);
  throw new OAuthError('unsupported_grant_type', `"grant_type" must be ${EXCHANGE_GRANT}`);
}
