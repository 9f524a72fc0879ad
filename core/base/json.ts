/**
 * JSON from outside: plain objects, and strict objects that every parser reads the same way.
 */

/** The members of a JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Returns true for a JSON object; a list is not one. */
export const isRecord = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** True unless a member is absent or null: the two mean the same. */
export const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

/** Parses a JSON object; undefined for any other text. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined; // The parser's message quotes the text, so it is dropped.
  }
}

const DEPTH_MAX = 16;

/**
 * Parses a JSON object that has no member name twice, at any depth.
 * @returns undefined for any other text, and for one nested more than 16 deep
 */
export function parseStrictObject(text: string): JsonObject | undefined {
  const value = parseObject(text);
  if (value === undefined) return undefined;
  const { members, depth } = measureJson(text);
  // The depth is bounded here, before `membersRead` recurses.
  return depth <= DEPTH_MAX && members === membersRead(value) ? value : undefined;
}

const [BRACE, BRACKET, BRACE_END, BRACKET_END] = [0x7b, 0x5b, 0x7d, 0x5d];
const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a];

/** The counts of a JSON text at all depths, outside of its strings. */
export interface JsonMeasure {
  /** Counted by their colons. */
  readonly members: number;
  /** Lists and objects. */
  readonly containers: number;
  /** The most lists and objects inside each other. */
  readonly depth: number;
}

/** Measures a JSON text without parsing it. */
export function measureJson(text: string): JsonMeasure {
  let members = 0;
  let containers = 0;
  let open = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at + 1);
    else if (code === COLON) members++;
    else if (code === BRACE_END || code === BRACKET_END) open--;
    else if (code === BRACE || code === BRACKET) {
      containers++;
      open++;
      depth = Math.max(depth, open);
    }
  }
  return { members, containers, depth };
}

/** Finds the closing quote of the JSON string whose first character is at `start`; the text's end if there is none. */
export function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let before = quote - 1;
    while (before >= start && text.charCodeAt(before) === BACKSLASH) before--;
    if ((quote - before) % 2 === 1) return quote;
  }
  return text.length;
}

/** Counts the members of a parsed value. The parser keeps one of two with the same name, so then fewer are counted. */
function membersRead(value: object): number {
  const inner = Object.values(value);
  let members = Array.isArray(value) ? 0 : inner.length;
  for (const each of inner) {
    if (typeof each === 'object' && each !== null) members += membersRead(each);
  }
  return members;
}
