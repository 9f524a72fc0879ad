/**
 * Which requests go to the proxy function, streamed: one table for the stack and for the local gateway. All others
 * are the account function's. Constants only, so that `lib/` may import it.
 */

/** Resources of which the proxy function has every method. */
export const PROXIED_RESOURCES = [
  '/v1/chat/completions',
  '/v1/responses',
  '/v1/embeddings',
  '/v1/messages',
  '/v1/messages/count_tokens',
] as const;

/** Google's: `<model>:generateContent` stands below these. What is posted there is the proxy function's. */
export const PROXIED_PARENTS = ['/v1/models', '/v1beta/models'] as const;

/** The resource that a path lies in, as API Gateway finds it, and whether a method of it is the proxy function's. */
export function findResource(
  method: string,
  path: string,
): { resource: string; isProxied: boolean } {
  const exact = PROXIED_RESOURCES.find((resource) => resource === path);
  if (exact !== undefined) return { resource: exact, isProxied: true };
  const parent = PROXIED_PARENTS.find(
    (above) => path.startsWith(`${above}/`) && path.length > above.length + 1,
  );
  if (parent !== undefined) {
    return { resource: `${parent}/{proxy+}`, isProxied: method === 'POST' };
  }
  return { resource: path === '/' ? path : '/{proxy+}', isProxied: false };
}
