/**
 * Anthropic's report of a message, in the one form that is priced. Flow: forward > **meter** > settle.
 * Its input excludes what was read from a cache and written to one; ours includes both.
 * https://docs.anthropic.com/en/api/messages#response-usage
 */
import { asNanoUsd } from '../../base/money.ts';
import { count, type ReportedUsage } from '../usage.ts';

/** 10 USD for a thousand searches: https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/web-search-tool */
const SEARCH_NANO_USD = 10_000_000n;

/**
 * Reads a report. Reports of a stream are cumulative, so a count that is absent stays as it was reported before.
 * @returns the report before, if this one holds nothing
 */
export function readMessagesUsage(
  usage: unknown,
  before?: ReportedUsage,
): ReportedUsage | undefined {
  const report = Object(usage);
  const was = before?.tokens;
  const output = count(report.output_tokens);
  const fresh = count(report.input_tokens);
  if (output === undefined && fresh === undefined) return before;
  const wasFresh = was === undefined ? 0 : was.input - was.cachedInput - was.cacheWrite;
  const cachedInput = count(report.cache_read_input_tokens) ?? was?.cachedInput ?? 0;
  const cacheWrite = count(report.cache_creation_input_tokens) ?? was?.cacheWrite ?? 0;
  const long =
    count(Object(report.cache_creation).ephemeral_1h_input_tokens) ?? before?.longCacheWrite ?? 0;
  const searches = count(Object(report.server_tool_use).web_search_requests);
  const toolsNanoUsd =
    searches === undefined ? before?.toolsNanoUsd : asNanoUsd(BigInt(searches) * SEARCH_NANO_USD);
  return {
    tokens: {
      input: (fresh ?? wasFresh) + cachedInput + cacheWrite,
      cachedInput,
      cacheWrite,
      output: output ?? was?.output ?? 0,
      reasoning: count(Object(report.output_tokens_details).thinking_tokens) ?? was?.reasoning ?? 0,
    },
    ...(long > 0 && { longCacheWrite: Math.min(long, cacheWrite) }),
    ...(toolsNanoUsd !== undefined && { toolsNanoUsd }),
  };
}
