/**
 * The closed shapes of a response's tools: those that the client runs. Flow: policy > **parse** > bound > write.
 * Invariant: a tool is a schema, which counts by its bytes; nothing bounds a tool that OpenAI runs.
 */
import {
  each,
  flag,
  json,
  jsonObject,
  list,
  maybe,
  objectShapes,
  type Read,
  type Strictness,
  text,
  texts,
} from '../shapes.ts';

export function toolShape(strictness: Strictness) {
  const { object, limited, typed } = objectShapes(strictness);
  const common = {
    name: text,
    description: maybe(text),
    allowed_callers: maybe(texts),
    ...each(maybe(flag), 'async', 'defer_loading'),
  };
  const own = {
    function: {
      ...common,
      ...each(maybe(jsonObject), 'parameters', 'output_schema'),
      strict: maybe(flag),
    },
    custom: {
      ...common,
      format: maybe(typed({ text: {}, grammar: each(text, 'definition', 'syntax') })),
    },
  };
  const skill = object(each(text, 'name', 'description', 'path'));
  return typed({
    ...own,
    namespace: { name: text, description: maybe(text), tools: list(typed(own)) },
    // Without these values, OpenAI runs the search and the shell.
    tool_search: {
      execution: limited('client'),
      description: maybe(text),
      parameters: maybe(json),
    },
    shell: {
      environment: object({ type: limited('local'), skills: maybe(list(skill)) }),
      allowed_callers: maybe(texts),
    },
    local_shell: {},
    apply_patch: { allowed_callers: maybe(texts) },
  });
}

type Tool = Read<ReturnType<typeof toolShape>>;

/** Tools that OpenAI describes to the model in its own words. */
const DESCRIBED_BY_PROVIDER: ReadonlySet<unknown> = new Set([
  ...['tool_search', 'shell', 'local_shell', 'apply_patch'],
]);

/** Tools that the client runs. */
const OWN_TOOLS: ReadonlySet<unknown> = new Set([
  ...['function', 'custom', 'namespace', ...DESCRIBED_BY_PROVIDER],
]);

export interface ToolFacts {
  readonly count: number;
  readonly typed: number;
  /** OpenAI runs one of them. */
  readonly hasHosted: boolean;
  readonly hasDeferred: boolean;
}

/** Looks at tools and those in their namespaces. Of an open request, tools may be anything. */
export function factsOf(tools: readonly Tool[] | null | undefined): ToolFacts {
  const all = (Array.isArray(tools) ? tools : []).flatMap((tool): readonly Tool[] =>
    tool?.type === 'namespace' && Array.isArray(tool.tools) ? [tool, ...tool.tools] : [tool],
  );
  return {
    count: all.length,
    typed: all.filter((tool) => DESCRIBED_BY_PROVIDER.has(tool?.type)).length,
    hasHosted: all.some((tool) => !OWN_TOOLS.has(tool?.type)),
    hasDeferred: all.some((tool) => Object(tool).defer_loading === true),
  };
}

/** Agents list these by default. */
const DROPPED_TOOL = /^(?:web_search(?:_\w{1,40})?|image_generation)$/;

export const isDroppedTool = (type: string): boolean => DROPPED_TOOL.test(type);
