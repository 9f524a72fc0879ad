/**
 * OpenAI's embeddings: input alone is billed. https://platform.openai.com/docs/api-reference/embeddings
 */
import * as v from 'valibot';
import type { JsonObject } from '../base/json.ts';
import type { Dialect, ParsedRequest } from './dialect.ts';
import { readRequest } from './read-request.ts';
import { countInput, type RequestInput } from './request-input.ts';
import { INPUT_ONLY } from './request-output.ts';
import type { RequestRules } from './request-rules.ts';
import {
  byKind,
  each,
  flag,
  list,
  maybe,
  number,
  objectShapes,
  type Read,
  requestShapes,
  type Shape,
  type Strictness,
  text,
} from './shapes.ts';
import { type ReportedUsage, readUsage } from './usage.ts';
import { wholeAnswersOf } from './whole-answers.ts';

const TEXTS_MAX = 4_096;
const INPUT = `a text, a list of tokens, or a list of 1 to ${TEXTS_MAX} of one of the two`;

const token = v.pipe(v.number(INPUT), v.integer(INPUT), v.minValue(0, INPUT));
const tokens = v.pipe(list(token), v.minLength(1, INPUT));
const oneToMany = <S extends Shape>(item: S) =>
  v.pipe(list(item), v.minLength(1, INPUT), v.maxLength(TEXTS_MAX, INPUT));
const texts = oneToMany(text);
const tokenLists = oneToMany(byKind({ list: tokens }));
type Inputs = Read<typeof tokens> | Read<typeof texts> | Read<typeof tokenLists>;

/** A list holds one kind of input, which its first item shows. */
const input = byKind({
  text,
  list: v.lazy((items): Shape<Inputs> => {
    const [first] = items as readonly unknown[];
    if (typeof first === 'number') return tokens;
    return Array.isArray(first) ? tokenLists : texts;
  }),
});

const shapeOf = (strictness: Strictness) =>
  objectShapes(strictness).object({
    model: maybe(text),
    input,
    ...each(maybe(text), 'encoding_format', 'user', 'truncate', 'task', 'input_type'),
    dimensions: maybe(number),
    normalized: maybe(flag),
  });

const SHAPES = requestShapes(shapeOf, v.looseObject({ input }));

/** The words that a model puts before each text if it knows the task. */
export const PREFIX_TOKENS_MAX = 64;

/** @throws invalid_request naming the field that cannot be read, or that this credential may not send */
function parseEmbeddings(body: JsonObject, rules: RequestRules): ParsedRequest {
  const request = readRequest(body, SHAPES, rules);
  const sent = Object.entries({ ...request, model: rules.model }).filter(
    ([name]) => !rules.row.dropFields.includes(name),
  );
  const serialised = JSON.stringify(Object.fromEntries(sent));
  return {
    ...INPUT_ONLY,
    input: countEmbeddings(request),
    write: () => serialised,
  };
}

function countEmbeddings(request: Read<typeof SHAPES.bounded>): RequestInput {
  const items = itemsOf(request.input);
  const hasPrefix = Boolean(request.task ?? request.input_type);
  return countInput({
    head: {},
    messages: items.map((item) => ({
      message: typeof item === 'string' ? item : '',
      endsInToolResult: false,
      hasHiddenReasoning: false,
    })),
    listName: 'input',
    tokens: items.reduce((sum, item) => {
      if (typeof item !== 'string') return sum + item.length;
      return sum + (hasPrefix ? PREFIX_TOKENS_MAX : 0);
    }, 0),
  });
}

/** The texts or the lists of tokens of an input. */
function itemsOf(given: string | Inputs): readonly (string | readonly number[])[] {
  if (typeof given === 'string') return [given];
  return typeof given[0] === 'number' ? [given as number[]] : (given as string[] | number[][]);
}

/** Some providers report only the total, which is all input. */
function readEmbeddingUsage({ usage }: JsonObject): ReportedUsage | undefined {
  const { prompt_tokens: prompt, total_tokens: total } = Object(usage);
  return readUsage({ ...Object(usage), prompt_tokens: prompt ?? total, completion_tokens: 0 });
}

export const EMBEDDINGS: Dialect = {
  ...wholeAnswersOf('openai'),
  name: 'embeddings',
  isBilled: true,
  parse: parseEmbeddings,
  readUsage: readEmbeddingUsage,
};
