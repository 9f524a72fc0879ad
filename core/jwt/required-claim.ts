/**
 * A required claim as it is written: `claim`, `claim=value`, `claim=a|b`. Flow: command > **claim** > verifier.
 * Invariant: parse(format(claim)) is the claim, the type of each value too.
 */
import type { RequiredClaim } from './verifier.ts';
import { isVerifierText, VERIFIER_ENTRIES_MAX } from './verifier-record.ts';

type Value = RequiredClaim['values'][number];

/**
 * Reads it; undefined for anything else. `true`, `false` and numbers are JSON's, a text that looks like one stands in
 * quotes: `level="3"`.
 */
export function parseRequired(text: string): RequiredClaim | undefined {
  const at = text.indexOf('=');
  const claim = at === -1 ? text : text.slice(0, at);
  if (!isVerifierText(claim)) return undefined;
  if (at === -1) return { claim, values: [] };
  const values = text
    .slice(at + 1)
    .split('|')
    .map(parseValue);
  if (values.length > VERIFIER_ENTRIES_MAX) return undefined;
  return values.every((value) => value !== undefined) ? { claim, values } : undefined;
}

const JSON_LITERAL = /^(true|false|-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?|".*")$/;

function parseValue(text: string): Value | undefined {
  if (!isVerifierText(text)) return undefined;
  if (!JSON_LITERAL.test(text)) return text;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'number' && !Number.isFinite(value) ? undefined : (value as Value);
  } catch {
    return undefined; // Quotes that are no JSON.
  }
}

/** The inverse of `parseRequired`. */
export const formatRequired = ({ claim, values }: RequiredClaim): string =>
  values.length === 0 ? claim : `${claim}=${values.map(formatValue).join('|')}`;

const formatValue = (value: Value): string =>
  typeof value === 'string' && !JSON_LITERAL.test(value) ? value : JSON.stringify(value);
