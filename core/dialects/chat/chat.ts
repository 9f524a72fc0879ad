/**
 * OpenAI's chat completions. https://platform.openai.com/docs/api-reference/chat
 */

import { toErrorBody } from '../../base/error-body.ts';
import type { Dialect } from '../dialect.ts';
import { makeChatMeter, readChatUsage } from './meter.ts';
import { parseChat } from './request.ts';

const DONE = 'data: [DONE]\n\n';

export const CHAT: Dialect = {
  name: 'chat',
  family: 'openai',
  isBilled: true,
  parse: parseChat,
  makeMeter: makeChatMeter,
  readUsage: readChatUsage,
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
