/**
 * What the price library knows of a part of the price table: a provider of its own by that name, or Bedrock.
 */
import { findProvider, type Provider } from '@pydantic/genai-prices';
import { BEDROCK_IDS } from './bedrock-ids.ts';

/** A provider's models and prices. */
export interface PriceSource extends Provider {
  /** The only ids that are taken; absent: those that the library names in full. */
  readonly onlyIds?: readonly string[];
}

/** What the library calls a provider by another name. */
const LIBRARY_NAMES: Readonly<Record<string, string>> = { xai: 'x-ai' };

/** The library's name of Bedrock. */
const AWS = 'aws';

/** The source of a part; undefined: the library has none. Its search also finds what only resembles a name. */
export function findPriceSource(part: string): PriceSource | undefined {
  const onlyIds = BEDROCK_IDS.get(part);
  const id = onlyIds === undefined ? (LIBRARY_NAMES[part] ?? part) : AWS;
  const provider = findProvider({ providerId: id });
  if (provider?.id !== id) return undefined;
  return { ...provider, id: part, ...(onlyIds && { onlyIds }) };
}
