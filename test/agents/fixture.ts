/**
 * A recorded request without what is private, long, or different in each run: shapes, names and betas stay.
 */
import type { JsonObject } from '../../core/base/json.ts';
import type { RecordedRequest } from '../support/fake-provider.ts';

/** One request as test/fixtures/agents/ keeps it. */
export interface AgentRequest {
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject;
}

/** One file there: the requests of one turn. */
export interface AgentFixture {
  readonly agent: string;
  readonly package: string;
  readonly version: string;
  readonly requests: readonly AgentRequest[];
}

/** Set by the connection or the credential's place. */
const LEFT_OUT =
  /^(host|connection|content-length|accept-encoding|authorization|x-api-key|x-goog-api-key|sec-.*)$/;
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
const SESSION = /\bses_\w+/g;
const SYSTEM = /\([^()]*\b(linux|debian)\b[^()]*\)/gi;
/** Words and ids of a protocol. All else is prose, a path or a value. */
const WORD = /^(application\/|image\/)?[\w.:=-]{1,80}$/;
/** The project's picture is one pixel. */
const PICTURE = /^(data:image\/png;base64,)?iVBOR[\w+/=]{1,200}$/;
/** Texts that are values of the run and not words of the protocol. */
const TEXT_MEMBERS = new Set(['text', 'description', 'instructions', 'definition', 'output']);
const TOOL_LISTS = new Set(['tools', 'functionDeclarations']);

export function toFixture({ path, headers, body }: RecordedRequest): AgentRequest {
  const kept = Object.entries(headers).filter(([name]) => !LEFT_OUT.test(name));
  return {
    path,
    headers: Object.fromEntries(kept.map(([name, value]) => [name, toHeader(String(value))])),
    body: toShape(JSON.parse(body)) as JsonObject,
  };
}

function toHeader(value: string): string {
  const fixed = value
    .replaceAll(UUID, '0')
    .replaceAll(SESSION, 'ses_0')
    .replaceAll(SYSTEM, '(linux)');
  return fixed.startsWith('{') ? '{}' : fixed;
}

function toShape(value: unknown, member = ''): unknown {
  if (typeof value === 'string') return toText(value, member);
  if (Array.isArray(value)) {
    const items = value.map((item) => toShape(item));
    return TOOL_LISTS.has(member) ? withoutRepeats(items) : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (/schema$|^parameters$/i.test(member)) return { type: 'object' };
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, toShape(inner, name)]),
  );
}

function toText(value: string, member: string): string {
  if (PICTURE.test(value)) return value;
  if (member === 'model' || (!TEXT_MEMBERS.has(member) && WORD.test(value))) {
    return value.replaceAll(UUID, '0').replaceAll(SESSION, 'ses_0');
  }
  if (value === '' || /^\{.*\}$/s.test(value)) return value === '' ? '' : '{}';
  return `${value.length} characters`;
}

/** The first of several tools that differ in their names alone. */
function withoutRepeats(tools: readonly unknown[]): readonly unknown[] {
  const shapes = new Map<string, unknown>();
  for (const tool of tools) {
    const shape = JSON.stringify(tool, (name, value) =>
      name === 'name' || name === 'description' ? 0 : value,
    );
    if (!shapes.has(shape)) shapes.set(shape, tool);
  }
  return [...shapes.values()];
}
