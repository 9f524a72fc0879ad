/** The parts of `oidc-provider`, which has no types of its own, that tests use. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  interface Grant {
    addOIDCScope(scope: string): void;
    addOIDCClaims(claims: readonly string[]): void;
    save(): Promise<string>;
    destroy(): Promise<void>;
  }

  class Provider {
    constructor(issuer: string, configuration: object);
    readonly Grant: { new (of: { accountId: string; clientId: string }): Grant };
    callback(): (request: IncomingMessage, response: ServerResponse) => void;
    interactionDetails(
      request: IncomingMessage,
      response: ServerResponse,
    ): Promise<{ params: Record<string, string>; session?: { accountId: string } }>;
    interactionFinished(
      request: IncomingMessage,
      response: ServerResponse,
      result: object,
    ): Promise<void>;
  }

  // biome-ignore lint/style/noDefaultExport: the package has one
  export { Provider as default };
}
