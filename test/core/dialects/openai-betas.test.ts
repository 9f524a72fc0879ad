import { expect, test } from 'vitest';
import { readOpenAiBetas } from '../../../core/dialects/openai-betas.ts';
import type { RequestRules } from '../../../core/dialects/request-rules.ts';
import { REQUEST_RULES } from '../../support/request-rules.ts';

const betasOf = (values: readonly string[] | undefined, isCapped: boolean) => {
  const rules: RequestRules = {
    ...REQUEST_RULES,
    isCapped,
    isBounded: isCapped,
    headers: new Map(values === undefined ? [] : [['openai-beta', values]]),
  };
  return readOpenAiBetas(rules);
};

test.each([
  ['none', undefined, false, {}],
  [
    'a free one under a limit',
    ['responses=experimental'],
    true,
    { 'openai-beta': 'responses=experimental' },
  ],
  ['another under a limit', ['assistants=v2'], true, {}],
  ['any without', ['assistants=v2'], false, { 'openai-beta': 'assistants=v2' }],
  ['several, in two headers', ['a=1, b=2', 'c=3'], false, { 'openai-beta': 'a=1,b=2,c=3' }],
  ['what is no beta', ['sk-1', 'a=1\r\nx: y', 'A=1', '=1', `${'a'.repeat(65)}=1`], false, {}],
])('sends on %s', (_, values, isCapped, headers) => {
  expect(betasOf(values, isCapped)).toEqual(headers);
});

test('sends on 16 at most', () => {
  const many = Array.from({ length: 20 }, (_, index) => `b${index}=1`).join(',');
  expect(betasOf([many], false)['openai-beta']?.split(',')).toHaveLength(16);
});
