/** Requests in Anthropic's messages format, and their parts, for the tests of that dialect. */
import { MESSAGES } from '../../core/dialects/messages/messages.ts';
import type { RequestRules } from '../../core/dialects/request-rules.ts';
import { REQUEST_RULES } from './request-rules.ts';

export const RULES: RequestRules = { ...REQUEST_RULES, model: 'claude-sonnet-5' };
export const HELLO = [{ role: 'user', content: 'Hello' }];
export const parse = (more: object, rules: Partial<RequestRules> = {}) =>
  MESSAGES.parse({ model: 'x', messages: HELLO, ...more }, { ...RULES, ...rules });
export const withPart = (part: unknown) => ({ messages: [{ role: 'user', content: [part] }] });
export const withResult = (content: unknown) =>
  withPart({ type: 'tool_result', tool_use_id: 't', content });
export const PNG = { type: 'base64', media_type: 'image/png', data: 'aGk=' };
export const MARK = { type: 'ephemeral' };
export const HOUR = { type: 'ephemeral', ttl: '1h' };
