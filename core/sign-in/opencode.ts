/**
 * `GET /.well-known/opencode`: what `opencode auth login <publicUrl>` reads. It runs the command once, keeps what that prints, and
 * puts it into the variable whenever it starts. https://opencode.ai/docs/config
 * Invariant: the same for everyone; it holds no secret and no model's name.
 */
import { type JsonAnswer, toJson } from './answer.ts';

const VARIABLE = 'HALLPASS_TOKEN';

/** Providers of OpenCode's own list, whose dialects take model ids without a provider here. */
const PROVIDERS = ['anthropic', 'openai'];

/** @param providers the names of those that are configured */
export function toOpenCode(publicUrl: string, providers: readonly string[]): JsonAnswer {
  const options = { baseURL: `${publicUrl}/v1`, apiKey: `{env:${VARIABLE}}` };
  const known = PROVIDERS.filter((name) => providers.includes(name));
  const body = {
    auth: { command: ['hallpass', 'token', '--url', publicUrl], env: VARIABLE },
    config: { provider: Object.fromEntries(known.map((name) => [name, { options }])) },
  };
  return { ...toJson(200, body), cache: 'public' };
}
