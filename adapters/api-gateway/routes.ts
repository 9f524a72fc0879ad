/**
 * Names the function that serves a request: one table for the stack and for the local gateway. Constants only, so that `lib/`
 * may import it.
 */

/** Resources of which the proxy function has every method. */
export const PROXIED_RESOURCES = [
  '/v1/chat/completions',
  '/v1/responses',
  '/v1/embeddings',
  '/v1/messages',
  '/v1/messages/count_tokens',
] as const;

/** Google's parents of `<model>:generateContent`. A POST below them goes to the proxy function. */
export const PROXIED_PARENTS = ['/v1/models', '/v1beta/models'] as const;

/** Resources whose `GET` and `HEAD` are open: the pages function answers them without a credential. */
export const PAGE_RESOURCES = [
  '/',
  '/me',
  '/console',
  '/assets/{proxy+}',
  '/SKILL.md',
  '/llms.txt',
] as const;

/** The methods of a page. */
export const PAGE_METHODS = ['GET', 'HEAD'] as const;

/** A base path that is the first word of a route would look like the route. */
const ROUTE_WORDS = [
  'v1',
  'v1beta',
  'assets',
  'oauth',
  'device',
  'enrol',
  'managed',
  'me',
  'console',
];

/** The base paths that may be: one word, and no first word of a route. */
export const BASE_PATH = new RegExp(`^(?!(?:${ROUTE_WORDS.join('|')})$)[\\w-]{1,64}$`);
export const BASE_PATH_RULE = `1 to 64 of A-Za-z0-9_- and none of ${ROUTE_WORDS.join(', ')}`;

/** Open methods of the sign-in function, by their resource. Where there is no sign-in, they are the account function's. */
export const SIGN_IN_METHODS: Readonly<Record<string, readonly string[]>> = {
  '/.well-known/oauth-authorization-server': ['GET'],
  '/.well-known/opencode': ['GET'],
  '/oauth/token': ['POST'],
  '/oauth/revoke': ['POST'],
  '/oauth/authorize': ['GET', 'POST'],
  '/oauth/device_authorization': ['POST'],
  '/device': ['GET', 'POST'],
  '/enrol': ['GET', 'POST'],
  '/oauth/login': ['GET'],
  '/oauth/callback': ['GET'],
};

/** The functions that answer requests. `account` has all that no other one has. */
export type Integration = 'proxy' | 'account' | 'pages' | 'signIn';

/** Finds the resource that a path lies in, as API Gateway does, and the function that serves a method of it. */
export function findResource(
  method: string,
  path: string,
): { resource: string; integration: Integration } {
  const exact = PROXIED_RESOURCES.find((resource) => resource === path);
  if (exact !== undefined) return { resource: exact, integration: 'proxy' };
  const parent = PROXIED_PARENTS.find(
    (above) => path.startsWith(`${above}/`) && path.length > above.length + 1,
  );
  if (parent !== undefined) {
    const integration = method === 'POST' ? 'proxy' : 'account';
    return { resource: `${parent}/{proxy+}`, integration };
  }
  const signIn = Object.keys(SIGN_IN_METHODS).find((resource) => isBelow(resource, path));
  if (signIn !== undefined) {
    const isOpen = SIGN_IN_METHODS[signIn]?.includes(method);
    return { resource: signIn, integration: isOpen ? 'signIn' : 'account' };
  }
  const page = PAGE_RESOURCES.find((resource) => isBelow(resource, path));
  if (page === undefined) return { resource: findParent(path), integration: 'account' };
  const isOpen = PAGE_METHODS.some((each) => each === method);
  return { resource: page, integration: isOpen ? 'pages' : 'account' };
}

/** The resources that have a `{proxy+}` below them, the longest first. */
const PARENTS = [...PROXIED_RESOURCES, ...PROXIED_PARENTS]
  .flatMap((path) =>
    [...path.matchAll(/\/[^/]+/g)].map(({ index, 0: word }) => path.slice(0, index) + word),
  )
  .toSorted((a, b) => b.length - a.length);

/** Finds the resource of a path that no function but the account's has. */
function findParent(path: string): string {
  const parent = PARENTS.find((above) => path === above || path.startsWith(`${above}/`)) ?? '';
  return path === parent ? parent : `${parent}/{proxy+}`;
}

/**
 * Returns true if a path is a resource's, with or without a slash at its end: a REST API matches both, and leaves the
 * slash in the event's path. https://github.com/aws-powertools/powertools-lambda-python/pull/1609
 */
function isBelow(resource: string, path: string): boolean {
  if (resource === '/') return path === '/';
  const [parent = '', child] = resource.split('{proxy+}');
  if (child !== undefined) return path.startsWith(parent) && path.length > parent.length;
  return path === resource || path === `${resource}/`;
}
