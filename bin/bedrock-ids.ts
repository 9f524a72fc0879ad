/**
 * The ids of Bedrock's models, by part of the price table. The library has most of them only as prefixes, which we do
 * not use. A part `…@us` applies only in regions of the United States: AWS has other prices elsewhere, and the library
 * does not have them.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/models-supported.html, inference-profiles-support.html
 */

/** A model, and the prefixes of its inference profiles: `us.<model>`, `global.<model>`. */
type Served = readonly [model: string, profiles?: string];

/** They cost the same in every region and geography. The library has the lower prices of `global.` profiles. */
const CLAUDE: readonly Served[] = [
  ['anthropic.claude-3-haiku-20240307-v1:0', 'us eu apac'],
  ['anthropic.claude-3-sonnet-20240229-v1:0', 'us eu apac'],
  ['anthropic.claude-3-opus-20240229-v1:0', 'us'],
  ['anthropic.claude-3-5-sonnet-20240620-v1:0', 'us eu apac'],
  ['anthropic.claude-3-5-sonnet-20241022-v2:0', 'us apac'],
  ['anthropic.claude-3-5-haiku-20241022-v1:0', 'us'],
  ['anthropic.claude-3-7-sonnet-20250219-v1:0', 'us eu apac'],
  ['anthropic.claude-sonnet-4-20250514-v1:0', 'us eu apac global'],
  ['anthropic.claude-opus-4-20250514-v1:0', 'us'],
  ['anthropic.claude-opus-4-1-20250805-v1:0', 'us'],
  ['anthropic.claude-sonnet-4-5-20250929-v1:0', 'us eu jp au us-gov global'],
  ['anthropic.claude-haiku-4-5-20251001-v1:0', 'us eu jp au us-gov global'],
  ['anthropic.claude-opus-4-5-20251101-v1:0', 'us eu global'],
  ['anthropic.claude-opus-4-6-v1', 'us eu jp au apac global'],
  ['anthropic.claude-sonnet-4-6', 'us eu jp au global'],
  ['anthropic.claude-opus-4-7', 'us eu jp au global'],
  ['anthropic.claude-opus-4-8', 'us eu jp au global'],
  ['anthropic.claude-opus-5', 'us eu jp au global'],
  ['anthropic.claude-opus-5-5', 'us eu jp au global'],
  ['anthropic.claude-sonnet-5', 'us eu jp au global'],
  ['anthropic.claude-fable-5', 'global'],
  ['anthropic.claude-fable-5-1', 'global'],
];
const GPT: readonly Served[] = [
  ['openai.gpt-5.4'],
  ['openai.gpt-5.5'],
  ['openai.gpt-5.6-luna', 'us in global'],
  ['openai.gpt-5.6-sol', 'us global'],
  ['openai.gpt-5.6-terra', 'us in global'],
];
const NOVA_2: readonly Served[] = [['amazon.nova-2-lite-v1:0', 'us eu jp global']];

/** Models that the library does not have yet, or takes for the ones before them. Their rows are our own. */
const NEWEST: readonly Served[] = [
  ['anthropic.claude-sonnet-5-5', 'us eu jp au global'],
  ['anthropic.claude-haiku-5-5', 'us eu jp au global'],
  ['openai.gpt-6-luna', 'us global'],
  ['openai.gpt-6-sol', 'us global'],
  ['openai.gpt-6-astra', 'us global'],
  ['openai.gpt-6.1-sol', 'us global'],
  ['openai.gpt-6.1-terra', 'us global'],
];

const IN_US: readonly Served[] = [
  ['amazon.nova-micro-v1:0', 'us'],
  ['amazon.nova-lite-v1:0', 'us'],
  ['amazon.nova-pro-v1:0', 'us'],
  ['amazon.nova-premier-v1:0', 'us'],
  ['deepseek.r1-v1:0', 'us'],
  ['google.gemma-3-4b-it'],
  ['google.gemma-3-12b-it'],
  ['google.gemma-3-27b-it'],
  ['meta.llama3-8b-instruct-v1:0'],
  ['meta.llama3-70b-instruct-v1:0'],
  ['meta.llama3-1-8b-instruct-v1:0', 'us'],
  ['meta.llama3-1-70b-instruct-v1:0', 'us'],
  ['meta.llama3-2-1b-instruct-v1:0', 'us'],
  ['meta.llama3-2-3b-instruct-v1:0', 'us'],
  ['meta.llama3-2-11b-instruct-v1:0', 'us'],
  ['meta.llama3-2-90b-instruct-v1:0', 'us'],
  ['meta.llama3-3-70b-instruct-v1:0', 'us'],
  ['meta.llama4-maverick-17b-instruct-v1:0', 'us'],
  ['meta.llama4-scout-17b-instruct-v1:0', 'us'],
  ['mistral.mistral-7b-instruct-v0:2'],
  ['mistral.mixtral-8x7b-instruct-v0:1'],
  ['mistral.mistral-small-2402-v1:0'],
  ['mistral.mistral-large-2402-v1:0'],
  ['mistral.mistral-large-3-675b-instruct'],
  ['mistral.pixtral-large-2502-v1:0', 'us'],
  ['mistral.magistral-small-2509'],
  ['mistral.ministral-3-3b-instruct'],
  ['mistral.ministral-3-8b-instruct'],
  ['mistral.ministral-3-14b-instruct'],
  ['openai.gpt-oss-20b-1:0'],
  ['openai.gpt-oss-120b-1:0'],
  ['qwen.qwen3-32b-v1:0'],
  ['qwen.qwen3-coder-30b-a3b-v1:0'],
  ['qwen.qwen3-coder-480b-a35b-v1:0'],
  ['writer.palmyra-x4-v1:0', 'us'],
  ['writer.palmyra-x5-v1:0', 'us'],
];

/** Models on mantle. It has no profiles, and most of its ids have no version. */
const MANTLE_IN_US: readonly Served[] = [
  ['google.gemma-3-4b-it'],
  ['google.gemma-3-12b-it'],
  ['google.gemma-3-27b-it'],
  ['mistral.mistral-large-3-675b-instruct'],
  ['mistral.magistral-small-2509'],
  ['mistral.ministral-3-3b-instruct'],
  ['mistral.ministral-3-8b-instruct'],
  ['mistral.ministral-3-14b-instruct'],
  ['nvidia.nemotron-nano-9b-v2'],
  ['qwen.qwen3-32b'],
  ['qwen.qwen3-coder-30b-a3b-instruct'],
  ['qwen.qwen3-coder-480b-a35b-instruct'],
  ['qwen.qwen3-vl-235b-a22b-instruct'],
];

const idsOf = (served: readonly Served[]): readonly string[] =>
  served.flatMap(([model, profiles = '']) => [
    model,
    ...profiles.split(' ').flatMap((profile) => (profile === '' ? [] : [`${profile}.${model}`])),
  ]);

const withoutProfiles = (served: readonly Served[]): readonly Served[] =>
  served.map(([model]) => [model]);

/** Newer ids have no version and are the same on mantle. */
const isOnMantle = ([model]: Served): boolean => !/-v\d/.test(model);

/** The ids by part of the price table. */
export const BEDROCK_IDS: ReadonlyMap<string, readonly string[]> = new Map([
  ['bedrock', idsOf([...CLAUDE, ...GPT, ...NOVA_2])],
  ['bedrock@us', idsOf(IN_US)],
  ['bedrock-mantle', idsOf(withoutProfiles([...CLAUDE.filter(isOnMantle), ...GPT]))],
  ['bedrock-mantle@us', idsOf(MANTLE_IN_US)],
]);

/** The ids of our own rows, by part of the price table. */
export const OWN_BEDROCK_IDS: ReadonlyMap<string, readonly string[]> = new Map([
  ['bedrock', idsOf(NEWEST)],
  ['bedrock-mantle', idsOf(withoutProfiles(NEWEST))],
]);
