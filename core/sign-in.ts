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
import {
  type SignInAnswer,
  toErrorAnswer,
  toErrorPageAnswer,
  toJson,
  toRedirect,
} from './sign-in/answer.ts';
import {
  confirmClient,
  decideClient,
  readAuthorizeRequest,
  showReturn,
} from './sign-in/authorize.ts';
import { openTicket, requireBrowser } from './sign-in/browser.ts';
import { redeemCode } from './sign-in/code.ts';
import { DEVICE_GRANT, type DeviceTokens, pollDevice, startDevice } from './sign-in/device.ts';
import { confirmDevice, showDevice, submitDevice } from './sign-in/device-page.ts';
import { enrolPerson, showEnrolment, submitEnrolment } from './sign-in/enrol-page.ts';
import { EXCHANGE_GRANT, exchange } from './sign-in/exchange.ts';
import { need, readForm, readQuery, type SignInRequest } from './sign-in/form.ts';
import { endLogin, showToken, startLogin } from './sign-in/login.ts';
import { toMetadata } from './sign-in/metadata.ts';
import { badRequest, OAuthError, toOAuthError } from './sign-in/oauth-error.ts';
import { toOpenCode } from './sign-in/opencode.ts';
import type { SignInPorts } from './sign-in/ports.ts';
import { refreshFamily } from './sign-in/refresh.ts';
import { revoke } from './sign-in/revoke.ts';

type Route = (request: SignInRequest, ports: SignInPorts) => Promise<SignInAnswer>;

const ROUTES: Readonly<Record<string, Route>> = {
  'GET /.well-known/oauth-authorization-server': async (_, { publicUrl, provider }) =>
    toMetadata(publicUrl, provider !== undefined),
  'GET /.well-known/opencode': async (_, { publicUrl, providers }) =>
    toOpenCode(publicUrl, providers),
  'POST /oauth/token': answerToken,
  'POST /oauth/revoke': async (request, ports) => revoke(readForm(request), ports),
  'POST /oauth/device_authorization': startDevice,
  'GET /device': showDevice,
  'POST /device': submitDevice,
  'GET /enrol': showEnrolment,
  'POST /enrol': submitEnrolment,
  'GET /oauth/login': answerLogin,
  'GET /oauth/callback': answerCallback,
  'GET /oauth/authorize': answerAuthorize,
  'POST /oauth/authorize': decideClient,
};

/** The routes that a person sees in a browser. */
const PAGES = /^\/(oauth\/(login|callback|authorize)|device|enrol)\/?$/;

/** Answers a request. Never rejects. */
export async function signIn(request: SignInRequest, ports: SignInPorts): Promise<SignInAnswer> {
  const name = `${request.method} ${request.path.replace(/\/$/, '')}`;
  const route = Object.hasOwn(ROUTES, name) ? ROUTES[name] : undefined;
  try {
    if (request.method === 'GET' && TYPED.test(request.path)) return withoutSlash(request, ports);
    if (route === undefined) throw badRequest('there is no such route');
    return await route(request, ports);
  } catch (thrown) {
    const error = toOAuthError(thrown);
    const level = error.status >= 500 ? 'error' : 'info';
    ports.log.write({ level, event: 'sign-in refused', ...detailOf(error) });
    return PAGES.test(request.path) ? toErrorPageAnswer(error) : toErrorAnswer(error);
  }
}

/** The pages that a person may type with a slash at the end. */
const TYPED = /^\/(device|enrol)\/$/;

/** The links of a page are relative, so it must not have a slash at its end. */
function withoutSlash({ path, query }: SignInRequest, { publicUrl }: SignInPorts): SignInAnswer {
  const url = `${publicUrl}${path.slice(0, -1)}`;
  return toRedirect(302, query.size === 0 ? url : `${url}?${query}`);
}

/** For the log: the code, and in an outage the reason. A description may hold names of a rule, so it stays out. */
function detailOf({ code, status, cause }: OAuthError) {
  const reason = status >= 500 && cause instanceof Error && 'detail' in cause ? cause.detail : '';
  const detail = `${code} ${String(reason ?? '')}`.trim();
  return { detail, httpStatus: status, ...(status >= 500 && { cause }) };
}

async function answerToken(request: SignInRequest, ports: SignInPorts): Promise<SignInAnswer> {
  const parameters = readForm(request);
  switch (need(parameters, 'grant_type')) {
    case EXCHANGE_GRANT:
      return exchange(parameters, ports.settings.exchange, ports);
    case 'authorization_code':
      return toTokens(await redeemCode(parameters, ports));
    case 'refresh_token': {
      const token = need(parameters, 'refresh_token');
      return toTokens(await refreshFamily(token, parameters.get('client_id'), ports));
    }
    case DEVICE_GRANT:
      return toTokens(await pollDevice(parameters, ports));
    default:
      throw new OAuthError('unsupported_grant_type', '"grant_type" is not one of the metadata');
  }
}

/** RFC 6749, 5.1. Claude Code shows `email` and asks if that is the right account. */
const toTokens = ({ access, refreshToken }: DeviceTokens): SignInAnswer =>
  toJson(200, {
    access_token: access.token,
    token_type: 'Bearer',
    expires_in: access.expiresInSeconds,
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    scope: 'inference',
    email: access.user,
  });

/** Starts a login for `/me`, for an enrolment, or for a device that a ticket of this browser names. */
async function answerLogin(request: SignInRequest, ports: SignInPorts): Promise<SignInAnswer> {
  const parameters = readQuery(request);
  const enrolment = parameters.get('enrol');
  if (enrolment !== undefined) {
    const opened = openTicket(requireBrowser(request), 'enrol', enrolment, ports.clock);
    return startLogin(request, { kind: 'enrol', ...opened }, ports);
  }
  const ticket = parameters.get('ticket');
  if (ticket === undefined) return startLogin(request, { kind: 'page' }, ports);
  const { deviceId } = openTicket(requireBrowser(request), 'asked', ticket, ports.clock);
  return startLogin(request, { kind: 'device', deviceId }, ports);
}

async function answerAuthorize(request: SignInRequest, ports: SignInPorts): Promise<SignInAnswer> {
  const parameters = readQuery(request);
  const shown = parameters.get('return');
  if (shown !== undefined) return showReturn(request, shown, ports);
  const asked = readAuthorizeRequest(parameters);
  return startLogin(request, { kind: 'authorize', request: asked }, ports);
}

async function answerCallback(request: SignInRequest, ports: SignInPorts): Promise<SignInAnswer> {
  const ended = await endLogin(request, ports);
  const { browser, purpose } = ended;
  switch (purpose.kind) {
    case 'page':
      return showToken(ended, ports);
    case 'authorize':
      return confirmClient(browser, ended, purpose.request, ports);
    case 'enrol':
      return enrolPerson(ended, purpose.enrolmentId, ports);
    case 'device':
      return confirmDevice(browser, ended, purpose.deviceId, ports);
  }
}
