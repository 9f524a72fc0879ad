/**
 * Google's report of a generated content, in the one form that is priced. Flow: forward > **meter** > settle.
 * Its prompt includes what was read from a cache; its thoughts are not among its candidates.
 * https://ai.google.dev/api/generate-content#UsageMetadata
 */
import { count, type ReportedUsage } from '../usage.ts';

/**
 * Reads a report. Reports of a stream are cumulative, so the last one counts.
 * @returns undefined when it does not say what the input was
 */
export function readGoogleUsage(usage: unknown): ReportedUsage | undefined {
  const report = Object(usage);
  const prompt = count(report.promptTokenCount);
  if (prompt === undefined) return undefined;
  const input = prompt + (count(report.toolUsePromptTokenCount) ?? 0);
  const reasoning = count(report.thoughtsTokenCount) ?? 0;
  const said = (count(report.candidatesTokenCount) ?? 0) + reasoning;
  return {
    tokens: {
      input,
      cachedInput: Math.min(count(report.cachedContentTokenCount) ?? 0, input),
      cacheWrite: 0,
      output: Math.max(said, (count(report.totalTokenCount) ?? 0) - input),
      reasoning,
    },
  };
}
