/**
 * Preloaded into a sandbox: AWS's runtime client asks for its compiled part, `rapid-client.node`, and gets
 * `native-client.ts`, so that it runs without a compiler. All else of it is AWS's own.
 */
import { registerHooks } from 'node:module';

registerHooks({
  resolve: (specifier, context, nextResolve) =>
    specifier === './rapid-client.node'
      ? {
          url: new URL('./native-client.ts', import.meta.url).href,
          format: 'module-typescript',
          shortCircuit: true,
        }
      : nextResolve(specifier, context),
});
