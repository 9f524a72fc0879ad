/**
 * The models that others name: the official SDKs in their types, and the pinned coding agents in their binaries.
 */
import { readFileSync } from 'node:fs';

/** Model ids by provider. */
export type NamedModels = Readonly<Record<string, readonly string[]>>;

/** A type of an SDK that lists the models of a provider. */
interface ModelType {
  readonly provider: string;
  readonly file: string;
  readonly type: string;
}

const MODEL_TYPES: readonly ModelType[] = [
  { provider: 'openai', file: 'openai/resources/shared.d.ts', type: 'ChatModel' },
  { provider: 'openai', file: 'openai/resources/shared.d.ts', type: 'ResponsesModel' },
  {
    provider: 'anthropic',
    file: '@anthropic-ai/sdk/resources/messages/messages.d.ts',
    type: 'Model',
  },
  {
    provider: 'google',
    file: '@ai-sdk/google/dist/index.d.ts',
    type: 'GoogleInteractionsModelId',
  },
];

const PACKAGES = new URL('../node_modules/', import.meta.url);
const AGENTS = new URL('../test/fixtures/agents/models.json', import.meta.url);

/** Returns the models that the installed SDKs name. */
export const modelsOfSdks = (): NamedModels =>
  join(
    MODEL_TYPES.map(({ provider, file, type }) => ({
      [provider]: idsOfType(readFileSync(new URL(file, PACKAGES), 'utf8'), type),
    })),
  );

/** Returns the models that the pinned coding agents offer. */
export const modelsOfAgents = (): NamedModels => JSON.parse(readFileSync(AGENTS, 'utf8'));

/** Joins lists by provider, each id once, sorted. */
export function join(lists: readonly NamedModels[]): NamedModels {
  const providers = [...new Set(lists.flatMap((list) => Object.keys(list)))];
  return Object.fromEntries(
    providers.map((provider) => [
      provider,
      [...new Set(lists.flatMap((list) => list[provider] ?? []))].sort(),
    ]),
  );
}

/** Returns the texts of a union type in a file of types. */
export function idsOfType(text: string, type: string): readonly string[] {
  const start = text.indexOf(`type ${type} = `);
  if (start < 0) throw new Error(`the type "${type}" is not in the file`);
  const union = text.slice(start, text.indexOf(';', start));
  return [...union.matchAll(/['"]([^'"]+)['"]/g)].map(([, id = '']) => id);
}
