/**
 * A provider as this deployment has it: the known row, what the configuration changes, where its traffic goes.
 * Flow: policy > **provider** > forward.
 */
import type { Config } from '../config.ts';
import type { DialectName } from '../dialects/dialect.ts';
import { GatewayError } from '../errors.ts';
import type { ModelTarget } from '../policy.ts';
import { DEMO_PROVIDER } from './demo.ts';
import {
  DEMO_ROW,
  type EndpointAuth,
  GENERIC_ROW,
  KNOWN_PROVIDERS,
  type ProviderRow,
} from './known.ts';

/** Provider name to a base URL that replaces its own. */
export type ProviderUrls = Readonly<Record<string, string>>;

export interface Provider {
  readonly name: string;
  readonly row: ProviderRow;
  /** Everything before the path of an endpoint, without a slash at its end; empty for the built-in `demo`. */
  readonly baseUrl: string;
  /** The secret that holds its API key; undefined: it is called without one. */
  readonly secret: string | undefined;
  /** Without a key it is not called. */
  readonly keyRequired: boolean;
}

/** Whether a provider is the built-in one. */
export const isDemo = ({ baseUrl }: Provider): boolean => baseUrl === '';

/** Whether a name is a provider's here: in the configuration, given a URL, or the built-in `demo`. */
export const isConfigured = (name: string, config: Config, providerUrls: ProviderUrls): boolean =>
  Object.hasOwn(config.providers, name) ||
  Object.hasOwn(providerUrls, name) ||
  (name === DEMO_PROVIDER && config.demo);

/** The name of the row whose rules a provider follows: `like`, else its own. */
const rowNameOf = (config: Config, name: string): string => config.providers[name]?.like ?? name;

/** The environment variable of a provider's key: the known one, else `<NAME>_API_KEY`. */
export const keyVariableOf = (config: Config, name: string): string =>
  KNOWN_PROVIDERS.get(name)?.keyVariable ??
  KNOWN_PROVIDERS.get(rowNameOf(config, name))?.keyVariable ??
  `${name.toUpperCase().replaceAll('-', '_')}_API_KEY`;

/**
 * The provider of a name.
 * @param providerUrls a URL given here replaces the base URL and makes the provider's key optional
 * @returns undefined when it is not configured
 * @throws TypeError when the configuration gives a provider no URL and none is known
 */
export function findProvider(
  config: Config,
  providerUrls: ProviderUrls,
  name: string,
): Provider | undefined {
  if (!isConfigured(name, config, providerUrls)) return undefined;
  const settings = Object.hasOwn(config.providers, name) ? config.providers[name] : undefined;
  const url = Object.hasOwn(providerUrls, name) ? providerUrls[name] : undefined;
  const row = KNOWN_PROVIDERS.get(rowNameOf(config, name)) ?? GENERIC_ROW;
  if (name === DEMO_PROVIDER && settings === undefined && url === undefined) {
    return { name, row: DEMO_ROW, baseUrl: '', secret: undefined, keyRequired: false };
  }
  const baseUrl = url ?? settings?.baseUrl ?? row.baseUrl;
  if (baseUrl === undefined) {
    throw new TypeError(`hallpass.config.ts: "providers.${name}.baseUrl" must be set, got nothing`);
  }
  const auth = settings?.auth;
  return {
    name,
    row,
    baseUrl: baseUrl.replace(/\/+$/, ''),
    secret: auth === 'none' ? undefined : (auth?.secret ?? name),
    keyRequired: auth !== 'none' && url === undefined && !row.keyless,
  };
}

/** Where a wire format of a provider is posted to, and how its key is sent there. */
export interface Endpoint {
  readonly url: string;
  toAuthHeaders(providerKey: string): Readonly<Record<string, string>>;
}

/**
 * The endpoint of a wire format for a model.
 * @throws invalid_request naming the routes to use when the provider does not speak that format: nothing is translated
 */
export function requireEndpoint(
  { name, row, baseUrl }: Provider,
  dialect: DialectName,
  { model, id }: ModelTarget,
  isStreamRoute = false,
): Endpoint {
  const found = row.endpoints[dialect];
  if (found === undefined) {
    const routes = Object.keys(row.endpoints).map((other) => ROUTES_OF[other as DialectName]);
    throw new GatewayError('invalid_request', {
      message: `the model "${id}" does not speak this route's format: for the provider "${name}" use ${routes.join(' or ')}`,
      param: 'model',
    });
  }
  const base = found.leavesOut === undefined ? baseUrl : withoutEnd(baseUrl, found.leavesOut);
  const { path, streamPath = path } = found;
  const named = (isStreamRoute ? streamPath : path).replace('{model}', encodeURIComponent(model));
  return { url: `${base}${named}`, toAuthHeaders: AUTH_HEADERS[found.auth] };
}

const withoutEnd = (text: string, end: string): string =>
  text.endsWith(end) ? text.slice(0, -end.length) : text;

const ROUTES_OF: Readonly<Record<DialectName, string>> = {
  chat: '/v1/chat/completions',
  responses: '/v1/responses',
  embeddings: '/v1/embeddings',
  messages: '/v1/messages',
  count_tokens: '/v1/messages/count_tokens',
  google: '/v1beta/models/{model}:generateContent',
};

const AUTH_HEADERS: Readonly<Record<EndpointAuth, Endpoint['toAuthHeaders']>> = {
  bearer: (key) => ({ authorization: `Bearer ${key}` }),
  'x-api-key': (key) => ({ 'x-api-key': key }),
  'x-goog-api-key': (key) => ({ 'x-goog-api-key': key }),
  'api-key': (key) => ({ 'api-key': key }),
};

/** The refusal of a model whose provider has no API key: says which, for whoever runs this gateway. */
export const providerKeyMissing = (config: Config, { name, secret }: Provider): GatewayError =>
  new GatewayError('model_not_found', {
    message: `provider "${name}" has no API key: set ${keyVariableOf(config, name)} or the secret "${secret ?? name}"`,
    param: 'model',
  });
