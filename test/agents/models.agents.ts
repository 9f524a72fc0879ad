import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readModels } from './models.ts';

const RECORDED = new URL('../fixtures/agents/models.json', import.meta.url);

test('the recorded models are those that the installed agents offer', () => {
  expect(readModels()).toEqual(JSON.parse(readFileSync(RECORDED, 'utf8')));
});
