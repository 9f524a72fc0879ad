/**
 * Meters a stream of chat completions, of whatever provider. Flow: forward > **meter** > settle.
 * https://platform.openai.com/docs/api-reference/chat-streaming
 */
import { isRecord, type JsonObject } from '../../base/json.ts';
import type { ParsedRequest } from '../dialect.ts';
import { type Meter, type MeterRules, makeMeter } from '../meter.ts';
import { readUsage } from '../usage.ts';

const RULES: MeterRules = {
  said: /"(?:content|refusal|arguments|(reasoning|reasoning_content|text))"\s*:\s*"/g,
  telling: /"(?:usage|error|finish_reason)"\s*:\s*["{]|\[DONE\]/,
  read: (event, state) => ({
    ...state,
    usage: readChatUsage(event) ?? state.usage,
    isFinished: state.isFinished || listOf(event.choices).some(hasFinished),
    hasFailed: state.hasFailed || Boolean(event.error),
  }),
};

/** Makes a meter. The event of usage alone breaks the code of clients that did not request it: its `choices` are empty. */
export const makeChatMeter = ({ isUsageHidden }: Pick<ParsedRequest, 'isUsageHidden'>): Meter =>
  makeMeter(isUsageHidden ? { ...RULES, hides: holdsUsageAlone } : RULES);

/** The usage of an answer or an event. Groq may send it in a place of its own. */
export const readChatUsage = ({ usage, x_groq: groq }: JsonObject) =>
  readUsage(usage ?? Object(groq).usage);

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const hasFinished = (choice: unknown): boolean => Boolean(Object(choice).finish_reason);

const holdsUsageAlone = ({ choices, usage }: JsonObject): boolean =>
  Array.isArray(choices) && choices.length === 0 && isRecord(usage);
