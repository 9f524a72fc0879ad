/**
 * Which function serves a request: one table for the stack and for the local gateway. Constants only, so that `lib/`
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

/** The functions that answer requests. `account` has all that no other one has. */
export type Integration = 'proxy' | 'account' | 'pages';

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
  const page = PAGE_RESOURCES.find((resource) => isBelow(resource, path));
  if (page === undefined) return { resource: '/{proxy+}', integration: 'account' };
  const isOpen = PAGE_METHODS.some((each) => each === method);
  return { resource: page, integration: isOpen ? 'pages' : 'account' };
}

/** Returns true if a path is a page's, with or without a slash at its end. */
function isBelow(resource: string, path: string): boolean {
  if (resource === '/') return path === '/';
  const [parent = '', child] = resource.split('{proxy+}');
  if (child !== undefined) return path.startsWith(parent) && path.length > parent.length;
  return path === resource || path === `${resource}/`;
}
