/**
 * The text form of a required claim: `claim`, `claim=value`, `claim=a|b`. Flow: command > **claim** > verifier.
 * Invariant: parse(format(claim)) is the claim, with the type of each value.
 */
import type { RequiredClaim } from './verifier.ts';
import { isVerifierText, VERIFIER_ENTRIES_MAX } from './verifier-record.ts';

type ClaimValue = RequiredClaim['values'][number];

/**
 * Reads a required claim; undefined for any other text. `true`, `false` and numbers are read as in JSON; quotes make a
 * text of them: `level="3"`.
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

function parseValue(text: string): ClaimValue | undefined {
  if (!isVerifierText(text)) return undefined;
  if (!JSON_LITERAL.test(text)) return text;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'number' && !Number.isFinite(value) ? undefined : (value as ClaimValue);
  } catch {
    return undefined; // The quoted text is not JSON.
  }
}

/** Writes a required claim; the inverse of `parseRequired`. */
export const formatRequired = ({ claim, values }: RequiredClaim): string =>
  values.length === 0 ? claim : `${claim}=${values.map(formatValue).join('|')}`;

const formatValue = (value: ClaimValue): string =>
  typeof value === 'string' && !JSON_LITERAL.test(value) ? value : JSON.stringify(value);
