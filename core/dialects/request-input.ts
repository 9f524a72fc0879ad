/**
 * The input of a parsed request, as its provider counts it. Flow: policy > parse > **bound** > reserve.
 *
 * 1. a dialect parses the body, and gives the head and the messages;
 * 2. `countInput` writes both as JSON, without cache marks and image data;
 * 3. `inputTokensMax` (input-bound.ts) bounds them.
 *
 * Guarantees: what is sent lies in `head` or in a message, except fields that are listed as free and image data.
 */
import type { JsonObject } from '../base/json.ts';
import {
  type CacheLife,
  CacheMark,
  type Counted,
  countJson,
  ImageData,
  type Leaf,
  pathOf,
  Reference,
} from './leaves.ts';
import { notOwned } from './refusals.ts';
import type { RequestRules } from './request-rules.ts';

/** One message, item or content of a conversation. */
export interface CountedMessage {
  /** Its JSON as it is sent, without cache marks and image data. */
  readonly text: string;
  /** Images in the request itself. */
  readonly images: readonly ImageData[];
  readonly endsInToolResult: boolean;
  /** The JSON of the tools that it brings in by their names, each time it does. @default none */
  readonly schemas?: readonly string[];
  /** Holds thinking, reasoning or a signature of it, which a provider may drop and bring back. */
  readonly hasHiddenReasoning: boolean;
}

export interface RequestInput {
  /** The JSON of all that is counted before the messages: system prompt, tools, settings of thinking, betas. */
  readonly head: string;
  /** Images of the head. */
  readonly headImages: readonly ImageData[];
  readonly messages: readonly CountedMessage[];
  readonly tools: ToolCounts;
  /** Schemas that the messages bring in again, and how many times beyond the one in `head`. */
  readonly repeats: readonly Repeat[];
  /** Tokens beside all texts: ids of tokens, and words that the provider puts before each text. */
  readonly tokens: number;
  /** The first place of input that its bytes do not bound: a URL, a file, a PDF, a stored item. */
  readonly reference: string | undefined;
  /** The first place that names data stored at the provider. */
  readonly stored: string | undefined;
  /** The provider's count route takes it: all input is in the request itself, and the provider runs no tools of its own. */
  readonly isCountable: boolean;
  /** The provider runs tools of its own, and reads the prompt again after each. */
  readonly hasHostedTools: boolean;
  /** The provider looks for tools, and brings in their schemas where it likes. */
  readonly hasDeferredTools: boolean;
  /**
   * The most expensive cache that the request marks its input for; `5m`: at the price row's price of a write. A provider
   * that writes without a mark is known by its price row.
   */
  readonly cacheMark: 'none' | CacheLife;
  /** The cache marks: how long each lasts, and how many messages are behind it, itself included, or `head`. */
  readonly cacheMarks: readonly string[];
}

export interface ToolCounts {
  readonly count: number;
  /** Those of the tools that bring a system prompt of the provider. */
  readonly typed: number;
}

export interface Repeat {
  readonly text: string;
  readonly times: number;
}

export interface MessageParts extends Omit<CountedMessage, 'text' | 'images'> {
  readonly message: unknown;
}

/** The input of a request as its dialect reads it. */
export interface InputParts {
  readonly head: JsonObject;
  readonly messages: readonly MessageParts[];
  /** The name of the list of messages in the body. */
  readonly listName: string;
  /** @default none */
  readonly tools?: ToolCounts;
  readonly repeats?: readonly Repeat[];
  readonly tokens?: number;
  readonly hasHostedTools?: boolean;
  readonly hasDeferredTools?: boolean;
}

/** The members of a request that are counted before its messages: all that are not listed. */
export const headOf = (request: object, uncounted: ReadonlySet<string>): JsonObject =>
  Object.fromEntries(Object.entries(request).filter(([name]) => !uncounted.has(name)));

/** Counts the input of a request. */
export function countInput(parts: InputParts): RequestInput {
  const { listName, tools = { count: 0, typed: 0 }, repeats = [], tokens = 0 } = parts;
  const { hasHostedTools = false, hasDeferredTools = false } = parts;
  const head = countJson(parts.head);
  const counted = parts.messages.map((each) => ({ ...each, ...countJson(each.message) }));
  const places: readonly Place[] = [
    { leaves: head.leaves, path: '', value: parts.head },
    ...counted.map(({ leaves, message }, index) => ({
      ...{ leaves, path: `${listName}[${index}]`, value: message },
    })),
  ];
  const references = places.flatMap(({ leaves }) =>
    leaves.filter((leaf) => leaf instanceof Reference),
  );
  const stored = references.find(({ kind }) => kind === 'stored');
  const marks = marksOf(places);
  return {
    head: head.text,
    headImages: imagesIn(head.leaves),
    messages: counted.map(({ message, leaves, ...each }) => ({
      ...each,
      images: imagesIn(leaves),
    })),
    ...{ tools, repeats, tokens, hasHostedTools, hasDeferredTools },
    reference: references[0] && placeOf(references[0], places),
    stored: stored && placeOf(stored, places),
    isCountable: !hasHostedTools && references.every(({ kind }) => kind === 'data'),
    cacheMark: dearestOf(marks),
    cacheMarks: marks.map(({ life, place }) => `${life} ${place}`),
  };
}

/** @throws invalid_request when a credential that is no bare server key names data stored at the provider */
export function requireOwnData(
  { stored }: RequestInput,
  { isServerKey }: Pick<RequestRules, 'isServerKey'>,
): void {
  if (stored !== undefined && !isServerKey) throw notOwned(stored);
}

interface Place extends Pick<Counted, 'leaves'> {
  readonly path: string;
  readonly value: unknown;
}

const imagesIn = (leaves: readonly Leaf[]): readonly ImageData[] =>
  leaves.filter((leaf) => leaf instanceof ImageData);

function placeOf(leaf: Leaf, places: readonly Place[]): string | undefined {
  const place = places.find(({ leaves }) => leaves.includes(leaf));
  return place && pathOf(place.value, leaf, place.path);
}

interface PlacedMark {
  readonly life: CacheLife;
  /** The number of messages from its own to the end, since a client moves it along with its conversation; or the head. */
  readonly place: number | 'head';
}

const marksOf = (places: readonly Place[]): readonly PlacedMark[] =>
  places.flatMap(({ leaves }, at) =>
    leaves
      .filter((leaf) => leaf instanceof CacheMark)
      .map(({ life }) => ({ life, place: at === 0 ? 'head' : places.length - at })),
  );

function dearestOf(marks: readonly PlacedMark[]): 'none' | CacheLife {
  if (marks.length === 0) return 'none';
  return marks.some(({ life }) => life === '1h') ? '1h' : '5m';
}
