/**
 * OpenAI's chat completions. https://platform.openai.com/docs/api-reference/chat
 */

import { toErrorBody } from '../../base/error-body.ts';
import type { Dialect } from '../dialect.ts';
import { makeMeter } from '../meter.ts';
import { readUsage } from '../usage.ts';
import { parseChat } from './request.ts';

const DONE = 'data: [DONE]\n\n';

export const CHAT: Dialect = {
  name: 'chat',
  family: 'openai',
  isBilled: true,
  parse: parseChat,
  makeMeter: ({ isUsageAsked }) => makeMeter({ dropsUsageEvent: !isUsageAsked }),
  readUsage: ({ usage, x_groq: groq }) => readUsage(usage ?? Object(groq).usage),
  toErrorEvents: (error) => `data: ${JSON.stringify(toErrorBody('openai', error))}\n\n`,
  endEvents: DONE,
  toCutEvents: ({ requestId, model, nowMs }) => {
    const chunk = {
      id: `chatcmpl-${requestId}`,
      object: 'chat.completion.chunk',
      created: Math.floor(nowMs / 1000),
      model,
      choices: [{ index: 0, delta: {}, finish_reason: 'length' }],
    };
    return `data: ${JSON.stringify(chunk)}\n\n${DONE}`;
  },
};
