/**
 * The settings of a gateway, each with its unit and default, and their checks.
 */
import type { RemovalPolicy } from 'aws-cdk-lib';
import type { ICertificate } from 'aws-cdk-lib/aws-certificatemanager';
import type { ISecurityGroup, IVpc, IVpcEndpoint, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { BASE_PATH, BASE_PATH_RULE } from '../adapters/api-gateway/routes.ts';
import type { Config } from '../core/config.ts';

/** The functions, each with the permissions of its own. */
export const FUNCTION_NAMES = [
  'authorizer',
  'proxy',
  'account',
  'sweep',
  'pages',
  'signIn',
] as const;
export type FunctionName = (typeof FUNCTION_NAMES)[number];

export interface HallpassProps {
  /** The configuration (`defineConfig`). It is bundled into this gateway's functions, and kept in its template. */
  readonly config: Config;
  /** The name of the API's stage, 1 to 128 of `A-Za-z0-9_-`. It is the first part of the default URL's path. @default 'prod' */
  readonly stageName?: string;
  /** A host name of your own. @default none: the URL is API Gateway's */
  readonly domain?: DomainOptions;
  /** The ARN of a regional web ACL in front of the API. @default none */
  readonly webAclArn?: string;
  /** The network of the functions. It must reach the tables, the secrets and the providers. @default none: the internet */
  readonly network?: NetworkOptions;
  /** The endpoint of `execute-api` through which alone the API answers. @default none: the API is public */
  readonly privateEndpoint?: IVpcEndpoint;
  /**
   * Encrypts the tables, the secrets of keys, the logs and the functions' settings. The policy of a key that is imported
   * must let `logs.<region>.amazonaws.com` encrypt and decrypt; a key of this app is given that.
   * @default keys of AWS, at no cost
   */
  readonly encryptionKey?: IKey;
  /** Settings of single functions. @default 512 MiB for the authorizer, 256 MiB for others, and logs of one month */
  readonly functions?: Partial<Readonly<Record<FunctionName, FunctionOptions>>>;
  /** True records traces of the API and the functions in X-Ray, at a price for each. @default false */
  readonly tracing?: boolean;
  /**
   * Streams open at once, 1 to 10,000: concurrency reserved for the proxy, which leaves the rest of the account's to
   * the authorizer and to others. `'unreserved'` shares all of it; a new account whose quota is small needs that,
   * because AWS keeps 100 unreserved. @default 200
   */
  readonly streamsMax?: number | 'unreserved';
  /** Requests per second that API Gateway accepts, from known callers or not, 1 to 10,000. @default 200 */
  readonly requestsPerSecondMax?: number;
  /** Requests that API Gateway accepts at one instant, 1 to 5,000. @default 400 */
  readonly burstMax?: number;
  /** Throttles of each method of a group of routes. @default pages: 50 a second, 100 at once; sign-in: 20 and 40; others: the API's */
  readonly throttles?: Partial<Readonly<Record<RouteGroup, Throttle>>>;
  /**
   * True sets the role by which API Gateway writes logs. An account has one in each region, so it replaces another
   * team's. Access logs need it to be set once, by anyone. @default false
   */
  readonly setLogRole?: boolean;
  /** True calls tables and secrets at endpoints with FIPS-validated cryptography, where AWS has them. @default false */
  readonly fipsEndpoints?: boolean;
  /** The topic that alarms are sent to. @default none: alarms are only shown */
  readonly alarmTopic?: ITopic;
  /** False makes no dashboard, which costs money from an account's fourth on. @default true */
  readonly dashboard?: boolean;
  /** Tables, secrets and identity of an earlier gateway, to go on with, after a restore for example. @default new ones */
  readonly existing?: ExistingGateway;
  /** The fate of the tables when the stack is deleted. DESTROY also takes their deletion protection off. @default RETAIN */
  readonly removalPolicy?: RemovalPolicy;
}

export interface DomainOptions {
  readonly name: string;
  /** A certificate for the name, in the region of the stack. */
  readonly certificate: ICertificate;
  /** The first part of the path, 1 to 64 of `A-Za-z0-9_-` and no first word of a route. @default none */
  readonly basePath?: string;
}

export interface NetworkOptions {
  readonly vpc: IVpc;
  /** @default private subnets with a way out */
  readonly subnets?: SubnetSelection;
  /** @default a new group that allows all traffic out */
  readonly securityGroups?: ISecurityGroup[];
}

export interface FunctionOptions {
  /** In MiB, 128 to 10,240. @default 512 for the authorizer, 256 for others */
  readonly memoryMiB?: number;
  /** @default one month */
  readonly logRetention?: RetentionDays;
}

/** Groups of routes: those that call a provider, those about the caller itself, the open pages, and sign-in. */
export const ROUTE_GROUPS = ['models', 'account', 'pages', 'signIn'] as const;
export type RouteGroup = (typeof ROUTE_GROUPS)[number];

export interface Throttle {
  /** 1 to 10,000. */
  readonly requestsPerSecondMax: number;
  /** 1 to 5,000. */
  readonly burstMax: number;
}

/** Outputs of an earlier stack. What is left out is made anew. */
export interface ExistingGateway {
  readonly keysTable?: string;
  readonly walletsTable?: string;
  readonly usageTable?: string;
  readonly signInTable?: string;
  /** The output `SecretPrefix`: the keys of the table have their secrets below it. */
  readonly secretPrefix?: string;
  /** The output `Deployment`: the default account, which signed tokens name, is a hash of it. */
  readonly deployment?: string;
}

const REQUESTS_MAX = 10_000;
const BURST_MAX = 5_000;
const MEMORY_MIB_MIN = 128;
const MEMORY_MIB_MAX = 10_240;
const FLAGS = ['tracing', 'setLogRole', 'fipsEndpoints', 'dashboard'] as const;
/** The forms of outputs of an earlier stack. A name may be a token, for another stack's output. */
const TABLE_NAME = /^[\w.-]{3,255}$|\$\{Token/;
const EXISTING: Readonly<Record<keyof ExistingGateway, readonly [form: RegExp, rule: string]>> = {
  keysTable: [TABLE_NAME, 'the name of a table'],
  walletsTable: [TABLE_NAME, 'the name of a table'],
  usageTable: [TABLE_NAME, 'the name of a table'],
  signInTable: [TABLE_NAME, 'the name of a table'],
  secretPrefix: [/^[\w/+=.@-]{1,200}(?<!\/)$|\$\{Token/, 'the output "SecretPrefix"'],
  deployment: [/^[!-~]{1,2048}$/, 'the output "Deployment"'],
};

/**
 * Checks the settings before anything is made of them.
 * @throws RangeError, TypeError with the name, what is allowed and the value
 */
export function requireProps(props: HallpassProps): void {
  const { streamsMax, stageName, domain, webAclArn, functions, throttles } = props;
  if (streamsMax !== 'unreserved') requireWhole('streamsMax', streamsMax, REQUESTS_MAX);
  requireThrottle('', props);
  for (const group of ROUTE_GROUPS) requireThrottle(`throttles.${group}.`, throttles?.[group]);
  for (const [name, { memoryMiB }] of Object.entries(functions ?? {})) {
    requireWhole(`functions.${name}.memoryMiB`, memoryMiB, MEMORY_MIB_MAX, MEMORY_MIB_MIN);
  }
  for (const name of FLAGS) requireFlag(name, props[name]);
  requireExisting(props.existing);
  requireForm('stageName', stageName, /^[\w-]{1,128}$/, '1 to 128 of A-Za-z0-9_-');
  requireForm('domain.name', domain?.name, /^[a-z0-9.-]{1,253}$/, 'a lower-case host name');
  requireForm('domain.basePath', domain?.basePath, BASE_PATH, BASE_PATH_RULE);
  requireForm('webAclArn', webAclArn, /^(arn:|\$\{Token)/, 'an ARN');
  if (domain !== undefined && props.privateEndpoint !== undefined) {
    throw new TypeError('"domain" and "privateEndpoint" must not both be set');
  }
}

const requireThrottle = (
  prefix: string,
  throttle: { readonly requestsPerSecondMax?: number; readonly burstMax?: number } = {},
): void => {
  requireWhole(`${prefix}requestsPerSecondMax`, throttle.requestsPerSecondMax, REQUESTS_MAX);
  requireWhole(`${prefix}burstMax`, throttle.burstMax, BURST_MAX);
};

function requireWhole(name: string, value: number | undefined, max: number, min = 1): void {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return;
  throw new RangeError(`"${name}" must be a whole number from ${min} to ${max}, got ${value}`);
}

function requireFlag(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw new TypeError(`"${name}" must be true or false, got ${JSON.stringify(value)}`);
}

/** Refuses a misspelt name too: a new and empty table would take the place of the one that was meant. */
function requireExisting(existing: ExistingGateway = {}): void {
  const unknown = Object.keys(existing).find((name) => !Object.hasOwn(EXISTING, name));
  if (unknown !== undefined) {
    const allowed = Object.keys(EXISTING).join(', ');
    throw new TypeError(`"existing" may hold ${allowed}, got "${unknown}"`);
  }
  for (const [name, [form, rule]] of Object.entries(EXISTING)) {
    requireForm(`existing.${name}`, Object(existing)[name], form, rule);
  }
}

function requireForm(name: string, value: string | undefined, form: RegExp, allowed: string): void {
  if (value === undefined || form.test(value)) return;
  throw new TypeError(`"${name}" must be ${allowed}, got "${value}"`);
}

/** The settings that JSON can hold. */
const CONTEXT_PROPS: readonly (keyof HallpassProps)[] = [
  'stageName',
  'webAclArn',
  'tracing',
  'streamsMax',
  'requestsPerSecondMax',
  'burstMax',
  'throttles',
  'setLogRole',
  'fipsEndpoints',
  'dashboard',
  'existing',
];

/**
 * Reads settings from the app's context: an object, or its JSON as `-c hallpass='{…}'` gives it.
 * @throws TypeError for a setting that needs code
 */
export function readContextProps(context: unknown): Partial<HallpassProps> {
  const given: object = typeof context === 'string' ? JSON.parse(context) : (context ?? {});
  const unknown = Object.keys(given).find((name) => !CONTEXT_PROPS.some((each) => each === name));
  if (unknown === undefined) return given;
  throw new TypeError(
    `"hallpass" in the context may hold ${CONTEXT_PROPS.join(', ')}, got "${unknown}"`,
  );
}
