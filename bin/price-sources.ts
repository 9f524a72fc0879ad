/**
 * The price library's data for a part of the price table: one of its providers, or Bedrock.
 */
import { findProvider, type Provider } from '@pydantic/genai-prices';
import { KNOWN_PROVIDERS } from '../core/providers/known.ts';
import { BEDROCK_IDS } from './bedrock-ids.ts';

/** A provider's models and prices. */
export interface PriceSource extends Provider {
  /** The only ids to include. @default those that the library names in full */
  readonly onlyIds?: readonly string[];
}

/** The library's names of providers that we name differently. */
const LIBRARY_NAMES: Readonly<Record<string, string>> = { xai: 'x-ai' };

/** The library's name of Bedrock. */
const AWS = 'aws';

/** Finds the source of a part by its exact id; undefined if there is none. The library's search also finds similar names. */
export function findPriceSource(part: string): PriceSource | undefined {
  const onlyIds = BEDROCK_IDS.get(part);
  const id = onlyIds === undefined ? (LIBRARY_NAMES[part] ?? part) : AWS;
  const provider = findProvider({ providerId: id });
  if (provider?.id !== id) return undefined;
  return { ...provider, id: part, ...(onlyIds && { onlyIds }) };
}

/** Azure's ids are names of deployments, which tell nothing about prices. */
const WITHOUT_MODEL_IDS = 'azure';

/** The parts that the price table may have: one for each known provider, and those of Bedrock. */
export const PRICE_PARTS: readonly string[] = [
  ...new Set([...KNOWN_PROVIDERS.keys(), ...BEDROCK_IDS.keys()]),
].filter((name) => name !== WITHOUT_MODEL_IDS);

/** Returns the library's data for all parts that it has. */
export const readLibrary = (): readonly PriceSource[] =>
  PRICE_PARTS.flatMap((part) => findPriceSource(part) ?? []);
