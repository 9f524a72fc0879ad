/**
 * The models that the agents offer or choose by themselves, read out of their binaries.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { AGENTS, programOf } from './agents.ts';

/** Provider and model ids, as keys of the price table. */
export type Models = Readonly<Record<'anthropic' | 'openai' | 'google', readonly string[]>>;

/**
 * gemini-cli offers Gemma, and no agent uses it by default. Google has no price for it: it is free there, up to a rate.
 * A limit in USD refuses it, because a price of zero would hold nothing if Google began to bill.
 */
export const WITHOUT_FIGURES: readonly string[] = ['gemma-4-26b-a4b-it', 'gemma-4-31b-it'];

const CATALOGUE_CHARS_MAX = 20_000;

export function readModels(): Models {
  return {
    anthropic: readClaudeModels(readFileSync(programNamed('claude-code'))),
    openai: readCodexModels(readFileSync(programNamed('codex'))),
    google: readGeminiModels(dirname(programNamed('gemini-cli'))),
  };
}

function programNamed(name: string): string {
  const agent = AGENTS.find((other) => other.name === name);
  if (agent === undefined) throw new Error(`no agent is named "${name}"`);
  return programOf(agent);
}

/** The text of a binary from a mark on. */
function after(binary: Buffer, mark: string): string {
  const start = binary.indexOf(mark);
  if (start < 0) throw new Error(`the binary does not hold "${mark}"`);
  return binary.toString('utf8', start, start + CATALOGUE_CHARS_MAX);
}

/** The models that its names mean, and the newest of each family. */
function readClaudeModels(binary: Buffer): readonly string[] {
  const [aliases = ''] =
    /^.*?alias_migration/s.exec(after(binary, 'aliases:{opus:{default:')) ?? [];
  const defaults = [...aliases.matchAll(/default:"(claude-[\w-]+)"/g)].map(([, id = '']) => id);
  const [, families = ''] = /latest_per_family:\{([^}]*)\}/.exec(aliases) ?? [];
  const newest = [...families.matchAll(/"(claude-[\w-]+)"/g)].map(([, id = '']) => id);
  return sorted([...defaults, ...newest]);
}

/** All that its picker lists; the default is the first of them. */
function readCodexModels(binary: Buffer): readonly string[] {
  const SLUG = '"slug": "';
  const found: string[] = [];
  for (let at = binary.indexOf(SLUG); at >= 0; at = binary.indexOf(SLUG, at + 1)) {
    const next = binary.indexOf(SLUG, at + 1);
    const entry = binary.toString('utf8', at, next < 0 ? at + CATALOGUE_CHARS_MAX : next);
    const [, id = ''] = /^"slug": "([^"]+)"/.exec(entry) ?? [];
    if (entry.includes('"visibility": "list"')) found.push(id);
  }
  return sorted(found);
}

/** All that its picker lists, and the router of its automatic choice among them. */
function readGeminiModels(folder: string): readonly string[] {
  const mark = 'modelDefinitions: {\n    // Concrete Models';
  const texts = readdirSync(folder)
    .filter((name) => name.endsWith('.js'))
    .map((name) => readFileSync(`${folder}/${name}`));
  const text = after(texts.find((binary) => binary.includes(mark)) ?? Buffer.alloc(0), mark);
  const [definitions = ''] = /^.*?modelIdResolutions/s.exec(text) ?? [];
  const visible = definitions.matchAll(/"(gem[\w.-]+)": \{[^{}]*isVisible: true/g);
  return sorted([...visible].map(([, id = '']) => id));
}

const sorted = (ids: readonly string[]): readonly string[] => [...new Set(ids)].sort();
