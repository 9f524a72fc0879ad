/**
 * `GET /managed/settings`: the policy that Claude Code fetches after sign-in, at each start and every hour.
 * Flow: Grant > **settings**. Invariant: they hold only what the gateway refuses anyway, so a client that ignores them gains
 * nothing. https://code.claude.com/docs/en/claude-apps-gateway
 */
import type { Grant } from '../access/grant.ts';
import { sha256 } from '../base/ids.ts';
import type { JsonObject } from '../base/json.ts';
import type { ModelLists } from '../models/catalogue.ts';
import { listCallable } from '../models/model-list.ts';
import { allowedEntries } from '../models/policy.ts';

/** The prefix that ids of Anthropic's models have here, and in Claude Code do not. */
const OWN_PREFIX = 'anthropic/';

/**
 * Describes the policy of a credential: the models of its lists that speak Claude Code's dialect; empty settings without a list.
 * `checksum` and `uuid` change with the settings, and with nothing else.
 */
export async function describeSettings(grant: Grant, lists: ModelLists): Promise<JsonObject> {
  const isNarrowed = allowedEntries(grant, lists.names) !== undefined;
  const settings = isNarrowed ? { availableModels: await listNames(grant, lists) } : {};
  // Claude Code computes the same digest: of compact JSON with sorted names.
  const digest = Buffer.from(sha256(JSON.stringify(settings)), 'base64url').toString('hex');
  return { uuid: toUuid(digest), checksum: `sha256:${digest}`, settings };
}

async function listNames(grant: Grant, lists: ModelLists): Promise<readonly string[]> {
  const models = await listCallable({ reader: 'anthropic', grant, lists });
  return models.map(({ id }) => (id.startsWith(OWN_PREFIX) ? id.slice(OWN_PREFIX.length) : id));
}

/** Makes a UUID of a digest (RFC 9562, 5.8). */
const toUuid = (digest: string): string =>
  [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `8${digest.slice(13, 16)}`,
    `8${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ].join('-');
