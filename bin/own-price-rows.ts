/**
 * Price rows of our own for models that the price library lacks, taken from LiteLLM's price list. Each row has the page
 * that the figures are from. A row needs a price per token; a model that is billed in any other way has none.
 */
import { isBilledPerCall } from '../core/models/pricing.ts';
import { OWN_BEDROCK_IDS } from './bedrock-ids.ts';
import ownPriceRows from './own-price-rows.json' with { type: 'json' };

/** Prices in USD per million tokens: input, output, cached input, cache write. */
type UsdLevel = readonly [number, number, number, number];

export interface OwnPriceRow {
  readonly usdPerMillion: UsdLevel;
  readonly contextWindow?: number;
  readonly maxOutputTokens?: number;
  /** Each after the input tokens it begins above. */
  readonly tiers?: readonly (readonly [number, ...UsdLevel])[];
  /** The page that has the figures. */
  readonly source: string;
}

/** The committed file `own-price-rows.json`. */
export interface OwnPrices {
  /** The list that the rows are from, with its version. */
  readonly list: string;
  /** The day on which it was read. */
  readonly date: string;
  /** By part of the price table and id. They replace the library's rows. */
  readonly rows: Readonly<Record<string, Readonly<Record<string, OwnPriceRow>>>>;
  /** The most output tokens of models whose rows are the library's, by part and id. */
  readonly maxOutputTokens: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

const parseOwnPrices = (rows: unknown): OwnPrices => rows as OwnPrices;

/** The rows that `npm run prices:own` wrote. */
export const OWN_PRICES: OwnPrices = parseOwnPrices(ownPriceRows);

/** An entry of LiteLLM's `model_prices_and_context_window.json`. Prices are in USD per token. */
type LiteLlmEntry = Readonly<Record<string, unknown>>;
export type LiteLlmList = Readonly<Record<string, LiteLlmEntry>>;

/** The prefix of a part's ids in the list, and the list's name of the provider. */
const LISTED_AS: Readonly<Record<string, readonly [prefix: string, provider: string]>> = {
  anthropic: ['', 'anthropic'],
  deepinfra: ['deepinfra/', 'deepinfra'],
  google: ['gemini/', 'gemini'],
  groq: ['groq/', 'groq'],
  mistral: ['mistral/', 'mistral'],
  openai: ['', 'openai'],
  together: ['together_ai/', 'together_ai'],
  xai: ['xai/', 'xai'],
};

/** Parts whose output maxima the list has right. For others it often repeats the context window. */
const HAS_MAXIMA = /^(?:openai|anthropic|google|bedrock.*)$/;

/**
 * Ids that stand for other models over time, tuned models, models of several agents, and models of which the list has
 * only a part of the figures.
 */
const NOT_ONE_MODEL = /latest|^ft:|multi-agent|exp\b|^gemini-gemma|cyber|rosalind|-law$/;

const MODES: readonly unknown[] = ['chat', 'responses', 'completion', 'embedding'];

interface OwnPriceSources extends Pick<OwnPrices, 'list' | 'date'> {
  /** Rows of models that the list lacks. */
  readonly elsewhere: OwnPrices['rows'];
}

/**
 * Returns the rows of models that the library lacks, and the output maxima of those that it has.
 * @param known the library's ids, by part of the price table
 */
export function makeOwnPrices(
  list: LiteLlmList,
  known: Readonly<Record<string, readonly string[]>>,
  { elsewhere, ...about }: OwnPriceSources,
): OwnPrices {
  const parts = Object.keys(LISTED_AS).map((part) => ({
    part,
    ids: new Set(known[part]),
    entries: entriesOf(list, part),
  }));
  const listed = parts.map(({ part, ids, entries }) => ({
    part,
    entries: entries.filter(([id]) => !ids.has(id)),
  }));
  const bedrock = [...OWN_BEDROCK_IDS].map(([part, ids]) => ({
    part,
    entries: ids.map((id) => [id, bedrockEntryOf(list, id)] as const),
  }));
  return {
    ...about,
    rows: Object.fromEntries(
      [...listed, ...bedrock].map(({ part, entries }) => [
        part,
        { ...elsewhere[part], ...collect(entries, (id, entry) => toRow(part, id, entry)) },
      ]),
    ),
    maxOutputTokens: Object.fromEntries(
      parts
        .filter(({ part }) => HAS_MAXIMA.test(part))
        .map(({ part, ids, entries }) => [
          part,
          collect(entries, (id, entry) => (ids.has(id) ? maxOutputOf(entry) : undefined)),
        ]),
    ),
  };
}

type Entries = readonly (readonly [id: string, entry: LiteLlmEntry])[];

/** Returns a part's entries of the list, by the provider's own ids. */
function entriesOf(list: LiteLlmList, part: string): Entries {
  const [prefix, provider] = LISTED_AS[part] ?? ['', ''];
  return Object.entries(list).flatMap(([key, entry]) =>
    key.startsWith(prefix) && entry.litellm_provider === provider
      ? [[key.slice(prefix.length), entry] as const]
      : [],
  );
}

/** The entry of a Bedrock id. A model without a profile costs what the profile of the United States costs. */
const bedrockEntryOf = (list: LiteLlmList, id: string): LiteLlmEntry =>
  list[/^[a-z]{2,6}\.(?:anthropic|openai)\./.test(id) ? id : `us.${id}`] ?? {};

/** Returns what is made of each entry, by id, without the undefined ones. */
const collect = <T>(
  entries: Entries,
  make: (id: string, entry: LiteLlmEntry) => T | undefined,
): Readonly<Record<string, T>> =>
  Object.fromEntries(
    entries.flatMap(([id, entry]) => {
      const made = make(id, entry);
      return made === undefined ? [] : [[id, made]];
    }),
  );

function toRow(part: string, id: string, entry: LiteLlmEntry): OwnPriceRow | undefined {
  if (!MODES.includes(entry.mode) || NOT_ONE_MODEL.test(id) || isBilledPerCall(id))
    return undefined;
  const isOtherOutput = ['image', 'image_token', 'audio_token', 'video_token', 'second'].some(
    (unit) => `output_cost_per_${unit}` in entry,
  );
  const base = levelAt(entry, '');
  if (isOtherOutput || base === undefined) return undefined;
  const [input, output] = base;
  if (input === 0 || (output === 0 && entry.mode !== 'embedding')) return undefined;
  const contextWindow = windowOf(part, entry);
  const maxOutputTokens = HAS_MAXIMA.test(part) ? maxOutputOf(entry) : undefined;
  const tiers = tiersOf(entry, base);
  return {
    usdPerMillion: base,
    ...(contextWindow !== undefined && { contextWindow }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(tiers.length > 0 && { tiers }),
    source: typeof entry.source === 'string' ? entry.source : 'LiteLLM, which names no page',
  };
}

/** OpenAI's list has the input alone; its windows hold input and output together. */
function windowOf(part: string, entry: LiteLlmEntry): number | undefined {
  const input = entry.max_input_tokens;
  if (typeof input !== 'number') return undefined;
  return part === 'openai' ? input + (maxOutputOf(entry) ?? 0) : input;
}

function maxOutputOf({ mode, max_output_tokens: most }: LiteLlmEntry): number | undefined {
  return mode !== 'embedding' && typeof most === 'number' ? most : undefined;
}

const TIER_KEY = /^input_cost_per_token(_above_(\d+)k_tokens)$/;

function tiersOf(entry: LiteLlmEntry, base: UsdLevel): NonNullable<OwnPriceRow['tiers']> {
  return Object.keys(entry)
    .flatMap((key) => {
      const [, suffix = '', thousands] = TIER_KEY.exec(key) ?? [];
      const level = thousands === undefined ? undefined : levelAt(entry, suffix, base);
      return level === undefined ? [] : [[Number(thousands) * 1_000, ...level] as const];
    })
    .sort(([a], [b]) => a - b);
}

/** Returns the prices of one tier; those that it does not name are the base's, and a write is at least its input. */
function levelAt(entry: LiteLlmEntry, suffix: string, base?: UsdLevel): UsdLevel | undefined {
  const at = (name: string): number | undefined => {
    const usd = entry[`${name}${suffix}`];
    return typeof usd === 'number' ? Number((usd * 1e6).toPrecision(12)) : undefined;
  };
  const input = at('input_cost_per_token') ?? base?.[0];
  const output = at('output_cost_per_token') ?? base?.[1];
  if (input === undefined || output === undefined) return undefined;
  const reasoning = at('output_cost_per_reasoning_token') ?? 0;
  const cached = at('cache_read_input_token_cost') ?? base?.[2] ?? input;
  return [
    input,
    Math.max(output, reasoning),
    cached,
    at('cache_creation_input_token_cost') ?? input,
  ];
}
