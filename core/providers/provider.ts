/**
 * A provider in this deployment: its known row, the configuration's changes, and the URLs of its traffic.
 * Flow: policy > **provider** > forward.
 */
import { GatewayError, invalidRequest } from '../base/errors.ts';
import type { Config } from '../config.ts';
import { DEMO_PROVIDER } from './demo/demo.ts';
import { DIALECTS, type DialectName, FAMILY_ENDPOINTS } from './endpoints.ts';
import { DEMO_ROW, GENERIC_ROW, KNOWN_PROVIDERS, type ProviderRow } from './known.ts';

/** A model by its full name. */
export interface ModelTarget {
  /** The provider's name in the configuration. */
  readonly provider: string;
  /** The provider's own id of the model. It may contain slashes, as OpenRouter's ids do. */
  readonly model: string;
  /** `provider/model`, as in lists of allowed models, prices and usage rows. */
  readonly id: string;
}

/** Base URLs that replace a provider's own, by provider name. */
export type ProviderUrls = Readonly<Record<string, string>>;

/** The AWS service and region that a request is signed for. */
export interface RequestSigning {
  readonly service: string;
  readonly region: string;
}

export interface Provider {
  readonly name: string;
  readonly row: ProviderRow;
  /** The URL before an endpoint's path, without a slash at its end; empty for the built-in `demo`. */
  readonly baseUrl: string;
  /** The secret with its API key; undefined if it is called without a key. */
  readonly secret: string | undefined;
  /** True if it is not called without a key. */
  readonly keyRequired: boolean;
  /** The service that requests are signed for with the function's role; absent if they are not signed. */
  readonly signing?: RequestSigning;
}

/** Returns true for the built-in provider. */
export const isDemo = ({ baseUrl }: Provider): boolean => baseUrl === '';

/** Returns true for a provider that is in the configuration, has a URL, or is the built-in `demo`. */
export const isConfigured = (name: string, config: Config, providerUrls: ProviderUrls): boolean =>
  Object.hasOwn(config.providers, name) ||
  Object.hasOwn(providerUrls, name) ||
  (name === DEMO_PROVIDER && config.demo);

/** Returns the name of the row that applies to a provider: `like`, else its own. */
const rowNameOf = (config: Config, name: string): string => config.providers[name]?.like ?? name;

/** Returns the environment variable of a provider's key: the known one, else `<NAME>_API_KEY`; with a role, AWS's. */
export const keyVariableOf = (config: Config, name: string): string =>
  config.providers[name]?.auth === 'aws-role'
    ? 'AWS_ACCESS_KEY_ID'
    : (KNOWN_PROVIDERS.get(name)?.keyVariable ??
      KNOWN_PROVIDERS.get(rowNameOf(config, name))?.keyVariable ??
      `${name.toUpperCase().replaceAll('-', '_')}_API_KEY`);

/** AWS regions in the United States, which have prices of their own. */
const IN_US = /^us-(?:east|west)-\d$/;

/**
 * Returns the parts of the price table for each provider whose prices are not listed under its name. Bedrock's prices
 * depend on the row and the region, not on the configured name.
 */
export function pricePartsOf(config: Config): ReadonlyMap<string, readonly string[]> {
  return new Map(
    Object.entries(config.providers).flatMap(([name, settings]) => {
      const rowName = rowNameOf(config, name);
      if (KNOWN_PROVIDERS.get(rowName)?.signedFor === undefined) return [];
      return [
        [name, IN_US.test(regionOf(settings) ?? '') ? [rowName, `${rowName}@us`] : [rowName]],
      ];
    }),
  );
}

/**
 * Finds a provider by name.
 * @param providerUrls a URL given here replaces the base URL and makes the provider's key optional
 * @returns undefined if it is not configured
 * @throws TypeError if the configuration lacks a URL or region that is not known, or has a role, `like` or `wire` that
 *   the provider does not support
 */
export function findProvider(
  config: Config,
  providerUrls: ProviderUrls,
  name: string,
): Provider | undefined {
  if (!isConfigured(name, config, providerUrls)) return undefined;
  const settings = Object.hasOwn(config.providers, name) ? config.providers[name] : undefined;
  const url = Object.hasOwn(providerUrls, name) ? providerUrls[name] : undefined;
  const row = requireRow(config, name);
  if (name === DEMO_PROVIDER && settings === undefined && url === undefined) {
    return { name, row: DEMO_ROW, baseUrl: '', secret: undefined, keyRequired: false };
  }
  const baseUrl = url ?? baseUrlOf(name, settings, row);
  const auth = settings?.auth;
  const secret = typeof auth === 'string' ? undefined : (auth?.secret ?? name);
  return {
    name,
    row,
    baseUrl: baseUrl.replace(/\/+$/, ''),
    secret,
    keyRequired: secret !== undefined && url === undefined && !row.keyless,
    ...(settings?.auth === 'aws-role' && { signing: signingOf(name, settings, row) }),
  };
}

/** Returns the known row or the generic one, reduced to one API family if the configuration says so. */
function requireRow(config: Config, name: string): ProviderRow {
  const { like, wire } = config.providers[name] ?? {};
  const rowName = like ?? name;
  const known = KNOWN_PROVIDERS.get(rowName);
  if (like !== undefined && known === undefined) {
    const names = [...KNOWN_PROVIDERS.keys()].join(', ');
    throw mustBe(name, 'like', `one of ${names}`, like);
  }
  if (wire === undefined) return known ?? GENERIC_ROW;
  if (known === undefined) return { ...GENERIC_ROW, endpoints: FAMILY_ENDPOINTS[wire] };
  const endpoints = Object.entries(known.endpoints).filter(
    ([dialect]) => DIALECTS[dialect as DialectName].family === wire,
  );
  if (endpoints.length === 0) throw mustBe(name, 'wire', `a format that "${rowName}" speaks`, wire);
  return { ...known, endpoints: Object.fromEntries(endpoints) };
}

type ProviderSettings = Config['providers'][string];

const mustBe = (name: string, field: string, allowed: string, got: string): TypeError =>
  new TypeError(
    `hallpass.config.ts: "providers.${name}.${field}" must be ${allowed}, got "${got}"`,
  );

const mustBeSet = (name: string, field: string): TypeError =>
  new TypeError(`hallpass.config.ts: "providers.${name}.${field}" must be set, got nothing`);

function baseUrlOf(name: string, settings: ProviderSettings | undefined, row: ProviderRow): string {
  if (settings?.baseUrl !== undefined) return settings.baseUrl;
  if (row.baseUrl === undefined) throw mustBeSet(name, 'baseUrl');
  if (!row.baseUrl.includes('{region}')) return row.baseUrl;
  if (settings?.region === undefined) throw mustBeSet(name, 'region');
  return row.baseUrl.replace('{region}', settings.region);
}

/** `bedrock-runtime.eu-west-1.amazonaws.com` */
const REGION_IN_URL = /^https:\/\/[\w-]+\.([a-z]{2}(?:-[a-z]+)+-\d)\./;

/** Returns the configured region; undefined if there is none. */
const regionOf = ({ region, baseUrl = '' }: ProviderSettings): string | undefined =>
  region ?? REGION_IN_URL.exec(baseUrl)?.[1];

function signingOf(
  name: string,
  settings: ProviderSettings,
  { signedFor }: ProviderRow,
): RequestSigning {
  if (signedFor === undefined) {
    throw new TypeError(
      `hallpass.config.ts: "providers.${name}.auth" may be "aws-role" only for bedrock, bedrock-mantle and providers that are "like" them`,
    );
  }
  const region = regionOf(settings);
  if (region === undefined) throw mustBeSet(name, 'region');
  return { service: signedFor, region };
}

/** The URL of a dialect at a provider, and the header of its key. */
export interface Endpoint {
  readonly url: string;
  /** Counts the input of a request of this dialect. Undefined: the provider has no such route. */
  readonly countUrl: string | undefined;
  /** @param providerKey undefined: the provider is called without one */
  toAuthHeaders(providerKey: string | undefined): Readonly<Record<string, string>>;
}

/**
 * Returns the endpoint of a dialect for a model. Dialects are never translated.
 * @throws invalid_request with the routes to use, if the provider does not speak the dialect
 */
export function requireEndpoint(
  { name, row, baseUrl }: Provider,
  dialect: DialectName,
  { model, id }: ModelTarget,
  isStreamRoute = false,
): Endpoint {
  const found = row.endpoints[dialect];
  if (found === undefined) {
    const routes = Object.keys(row.endpoints).map((other) => DIALECTS[other as DialectName].route);
    throw invalidRequest(
      `the model "${id}" does not speak this route's format: for the provider "${name}" use ${routes.join(' or ')}`,
      'model',
    );
  }
  const base = withoutEnd(baseUrl, [found.leavesOut ?? []].flat());
  const { path, streamPath = path } = found;
  const usual = isStreamRoute ? streamPath : path;
  const template = found.apart?.models.test(model) ? found.apart.path : usual;
  const toUrl = (text: string): string =>
    `${base}${text.replace('{model}', encodeURIComponent(model))}`;
  return {
    url: toUrl(template),
    countUrl: found.countPath && toUrl(found.countPath),
    toAuthHeaders: (key) => {
      if (key === undefined) return {};
      return found.auth === 'bearer' ? { authorization: `Bearer ${key}` } : { [found.auth]: key };
    },
  };
}

function withoutEnd(text: string, ends: readonly string[]): string {
  const end = ends.find((each) => text.endsWith(each));
  return end === undefined ? text : text.slice(0, -end.length);
}

/** Returns the refusal of a model whose provider has no API key. It says which key the operator has to set. */
export const providerKeyMissing = (config: Config, { name, secret }: Provider): GatewayError =>
  new GatewayError('model_not_found', {
    message: `provider "${name}" has no API key: set ${keyVariableOf(config, name)} or the secret "${secret ?? name}"`,
    param: 'model',
  });

/**
 * Returns true for a provider that has all that a request needs: a key, or no need of one.
 * @param hasKey returns true if the secret of this name has a value
 */
export const canProviderAnswer = async (
  provider: Provider | undefined,
  hasKey: (secret: string) => Promise<boolean>,
): Promise<boolean> =>
  provider !== undefined &&
  (!provider.keyRequired || provider.secret === undefined || (await hasKey(provider.secret)));
