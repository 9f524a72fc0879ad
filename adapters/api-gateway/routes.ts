/**
 * The requests that go to the proxy function, streamed: one table for the stack and the local gateway. All others go to
 * the account function. It holds constants only, so `lib/` may import it.
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

/** Finds the resource of a path as API Gateway does; `isProxied` is true if the method goes to the proxy function. */
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
